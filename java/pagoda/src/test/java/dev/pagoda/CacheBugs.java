package dev.pagoda;

import dev.pagoda.CacheStory.Surroundings;
import dev.pagoda.pressure.AdmissionControl;
import java.util.List;

/** Bugs of caches that other systems had. */
final class CacheBugs {
  private static final String GITHUB = "https://github.com/";

  private CacheBugs() {}

  static List<HistoricalBug> all() {
    return List.of(
        new HistoricalBug(
            "atlas#692",
            GITHUB + "Avarok-Cybersecurity/atlas/pull/692",
            "a partly filled block is shared and written without a copy",
            "who writes is the only owner",
            "CacheModelTest.aCacheAgreesWithTheReference",
            "content of",
            () -> CacheModelTest.requireNo("", 5, Surroundings.REAL),
            () -> CacheModelTest.requireNo("content of", 400, CacheBugsTest.NO_COPY_ON_WRITE)),
        new HistoricalBug(
            "TensorRT-LLM#15931",
            GITHUB + "NVIDIA/TensorRT-LLM/pull/15931",
            "a request is suspended half-way: blocks go before there are host slots for them",
            "host slots are reserved before a byte moves",
            "CacheBugsTest.aSuspensionThatFailsHalfWayIsFound",
            "the sequence is gone",
            () -> CacheBugsTest.requireAllOrNothing(CacheBugsTest::inOrder),
            () -> CacheBugsTest.requireAllOrNothing(CacheBugsTest::outOfOrder)),
        new HistoricalBug(
            "vllm#41269",
            GITHUB + "vllm-project/vllm/pull/41269",
            "a request that is rejected keeps its blocks",
            "what is refused holds nothing",
            "CacheBugsTest.blocksThatARejectedRequestHoldsAreFound",
            "blocks are held for nobody",
            () ->
                CacheBugsTest.requireNothingHeld(cache -> new AdmissionControl(cache, 1)::tryAdmit),
            () -> CacheBugsTest.requireNothingHeld(CacheBugsTest::forgetful)),
        new HistoricalBug(
            "vllm#50427",
            GITHUB + "vllm-project/vllm/issues/50427",
            "the offset of a block is computed in 32 bits",
            "offsets are 64-bit from the first multiplication on",
            "CacheBugsTest.offsetsOf32BitsAreFound",
            "offset of block",
            () -> CacheBugsTest.requireWide(CacheBugsTest.LARGE, CacheBugsTest.LARGE::blockOffset),
            () -> CacheBugsTest.requireWide(CacheBugsTest.LARGE, CacheBugsTest::offsetOf32Bits)),
        new HistoricalBug(
            "onnxruntime#32391",
            GITHUB + "microsoft/onnxruntime/pull/32391",
            "an id out of range is read as block 0",
            "ids are checked, never corrected",
            "CacheBugsTest.idsThatAreCorrectedInsteadOfRefusedAreFound",
            "Expecting code to raise a throwable",
            () -> CacheBugsTest.requireChecked(InterposedStorage::new),
            () -> CacheBugsTest.requireChecked(CacheBugsTest.SanitizingStorage::new)));
  }
}
