package dev.pagoda.lab.workload;

import com.fasterxml.jackson.core.JsonProcessingException;

/** Says in words for users why a text is not JSON. */
public final class BrokenJson {
  private BrokenJson() {}

  /**
   * What the parser missed, without its remarks on itself.
   *
   * @param broken what it threw
   * @return the beginning of its message
   */
  public static String reason(JsonProcessingException broken) {
    String message = String.valueOf(broken.getOriginalMessage());
    int remark = message.indexOf(" (start marker");
    return remark < 0 ? message : message.substring(0, remark);
  }
}
