// Sizes of Hopper's prefill kernel, which the choice of a kernel needs too.
#ifndef PAGODA_ATTENTION_SM90_PREFILL_SHAPE_H
#define PAGODA_ATTENTION_SM90_PREFILL_SHAPE_H

namespace pagoda {

/// kHeadDim is the wider of keys and values, rounded up.
template <int kHeadDim>
struct Sm90Prefill {
  static constexpr int kWarpgroupThreads = 128;
  static constexpr int kConsumers = 2;      // warpgroups
  static constexpr int kConsumerRows = 64;  // of one matrix instruction
  static constexpr int kThreads = kWarpgroupThreads * (kConsumers + 1);
  static constexpr int kTileRows = kConsumerRows * kConsumers;
  static constexpr int kTileTokens = 128;
  static constexpr int kStages = 2;               // of keys, of values, of queries
  static constexpr int kChunks = kHeadDim / 8;    // of 16 bytes in a row
  static constexpr int kColumns = kHeadDim / 64;  // matrix tiles side by side
  static constexpr int kQueryTileBytes = kConsumerRows * 128;
  static constexpr int kTokenTileBytes = kTileTokens * 128;
  static constexpr int kQueryBytes = kConsumers * kColumns * kQueryTileBytes;
  static constexpr int kTokenBytes = kColumns * kTokenTileBytes;  // a stage of keys, or of values
  static constexpr int kNumBarriers = 6 * kStages;
  static constexpr int kWorkBytes = 32;  // of what the producer says of a query tile
  static constexpr int kSharedBytes =
      kStages * (kQueryBytes + 2 * kTokenBytes + kWorkBytes + 4) + 8 * kNumBarriers;
  // Of the 65,536 of a multiprocessor: 128 threads of the one kind, 256 of the other. With fewer
  // for the producer, addresses are computed again for every copy, and everybody waits for it.
  static constexpr int kProducerRegisters = 72;
  static constexpr int kConsumerRegisters = 216;
  static_assert(kHeadDim % 64 == 0 && kHeadDim <= 128);
};

}  // namespace pagoda

#endif
