package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.internal.cuda.abi.pagoda_block_copy;
import dev.pagoda.internal.cuda.abi.pagoda_copy_blocks_params;
import dev.pagoda.internal.cuda.abi.pagoda_copy_memory_params;
import dev.pagoda.internal.cuda.abi.pagoda_device_description;
import dev.pagoda.internal.cuda.abi.pagoda_error;
import dev.pagoda.internal.cuda.abi.pagoda_fill_memory_params;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_kv_layer;
import dev.pagoda.internal.cuda.abi.pagoda_merge_partials_params;
import dev.pagoda.internal.cuda.abi.pagoda_paged_decode_params;
import dev.pagoda.internal.cuda.abi.pagoda_paged_prefill_params;
import dev.pagoda.internal.cuda.abi.pagoda_struct_field;
import dev.pagoda.internal.cuda.abi.pagoda_swap_blocks_params;
import dev.pagoda.internal.cuda.abi.pagoda_update_words_params;
import dev.pagoda.internal.cuda.abi.pagoda_validate_step_params;
import dev.pagoda.internal.cuda.abi.pagoda_word_run;
import dev.pagoda.internal.cuda.abi.pagoda_write_kv_params;
import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Compares the generated bindings with the library as its compiler laid it out. */
class AbiLayoutTest {
  private static final List<GroupLayout> GENERATED =
      List.of(
          pagoda_error.layout(),
          pagoda_struct_field.layout(),
          pagoda_device_description.layout(),
          pagoda_kv_layer.layout(),
          pagoda_write_kv_params.layout(),
          pagoda_paged_decode_params.layout(),
          pagoda_paged_prefill_params.layout(),
          pagoda_block_copy.layout(),
          pagoda_copy_blocks_params.layout(),
          pagoda_swap_blocks_params.layout(),
          pagoda_fill_memory_params.layout(),
          pagoda_copy_memory_params.layout(),
          pagoda_word_run.layout(),
          pagoda_update_words_params.layout(),
          pagoda_validate_step_params.layout(),
          pagoda_merge_partials_params.layout());

  /** One field of one struct, and the size of the struct. */
  private record Field(
      String structName, String fieldName, long structBytes, long offsetBytes, long fieldBytes) {}

  @Test
  void everyFieldLiesWhereTheLibraryHasIt() {
    NativeBuild.requireLibrary();

    assertThat(fieldsOfTheBindings()).containsExactlyElementsOf(fieldsOfTheLibrary());
  }

  @Test
  void noGeneratedStructIsLeftOutOfTheComparison() throws Exception {
    Path classes =
        Path.of(pagoda_h.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    assumeTrue(Files.isDirectory(classes), "the classes under test are in a jar");

    try (Stream<Path> files =
        Files.list(classes.resolve(pagoda_h.class.getPackageName().replace('.', '/')))) {
      assertThat(
              files
                  .map(file -> file.getFileName().toString().replace(".class", ""))
                  .filter(name -> !name.contains("$"))
                  .filter(AbiLayoutTest::isStruct))
          .containsExactlyInAnyOrderElementsOf(
              GENERATED.stream().map(struct -> struct.name().orElseThrow()).toList());
    }
  }

  @Test
  void theVersionsAreTheSame() {
    NativeBuild.requireLibrary();

    assertThat(pagoda_h.pagoda_abi_version()).isEqualTo(pagoda_h.PAGODA_ABI_VERSION());
  }

  @Test
  void elementsOfAnArrayAreCountedFromTheArrayAndNotFromTheStruct() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment error = pagoda_error.allocate(arena);
      pagoda_error.text(error, 3, (byte) 'x');

      assertThat(error.get(ValueLayout.JAVA_BYTE, pagoda_error.text$offset() + 3))
          .isEqualTo((byte) 'x');
    }
  }

  @Test
  void aRefusalOfTheLibraryBecomesAnExceptionWithItsWords() {
    NativeBuild.requireLibrary();

    int pastTheEnd = pagoda_h.pagoda_struct_field_count();
    assertThatExceptionOfType(NativeCallException.class)
        .isThrownBy(() -> fieldOfTheLibrary(pastTheEnd))
        .satisfies(exception -> {
          assertThat(exception.function()).isEqualTo("pagoda_struct_field_describe");
          assertThat(exception.status()).isEqualTo(pagoda_h.PAGODA_STATUS_INVALID_ARGUMENT());
          assertThat(exception.cudaError()).isZero();
          assertThat(exception.text()).endsWith("field_idx=" + pastTheEnd);
        });
  }

  private static boolean isStruct(String simpleName) {
    try {
      Class<?> type = Class.forName(pagoda_h.class.getPackageName() + "." + simpleName);
      return Arrays.stream(type.getMethods()).anyMatch(method -> method.getName().equals("layout"));
    } catch (ClassNotFoundException e) {
      throw new AssertionError("a class file without its class", e);
    }
  }

  private static List<Field> fieldsOfTheBindings() {
    List<Field> fields = new ArrayList<>();
    for (GroupLayout struct : GENERATED) {
      for (MemoryLayout member : struct.memberLayouts()) {
        // Padding has no name, and would fail here: the header has none.
        String name = member.name().orElseThrow();
        fields.add(
            new Field(
                struct.name().orElseThrow(),
                name,
                struct.byteSize(),
                struct.byteOffset(PathElement.groupElement(name)),
                member.byteSize()));
      }
    }
    return fields;
  }

  private static List<Field> fieldsOfTheLibrary() {
    List<Field> fields = new ArrayList<>();
    for (int i = 0; i < pagoda_h.pagoda_struct_field_count(); i++) {
      fields.add(fieldOfTheLibrary(i));
    }
    return fields;
  }

  private static Field fieldOfTheLibrary(int fieldIndex) {
    try (Arena arena = Arena.ofConfined()) {
      ErrorRecord error = ErrorRecord.allocate(arena);
      MemorySegment field = pagoda_struct_field.allocate(arena);
      int status = pagoda_h.pagoda_struct_field_describe(fieldIndex, field, error.segment());
      error.check("pagoda_struct_field_describe", status);
      return new Field(
          pagoda_struct_field.struct_name(field).getString(0),
          pagoda_struct_field.field_name(field).getString(0),
          pagoda_struct_field.struct_bytes(field),
          pagoda_struct_field.offset_bytes(field),
          pagoda_struct_field.field_bytes(field));
    }
  }
}
