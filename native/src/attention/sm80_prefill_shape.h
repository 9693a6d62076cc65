// Sizes of the tensor core prefill kernel, which the choice of a kernel needs too.
#ifndef PAGODA_ATTENTION_SM80_PREFILL_SHAPE_H
#define PAGODA_ATTENTION_SM80_PREFILL_SHAPE_H

namespace pagoda {

/// kHeadDim is the wider of keys and values, rounded up; a warp has 16 * kRowTiles rows.
template <int kHeadDim, int kRowTiles>
struct Sm80Prefill {
  static constexpr int kWarps = 4;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kWarpRows = 16 * kRowTiles;
  static constexpr int kTileRows = kWarps * kWarpRows;
  static constexpr int kTileTokens = kHeadDim <= 128 ? 64 : 32;
  static constexpr int kStages = 2;
  static constexpr int kChunks = kHeadDim / 8;  // of 16 bytes in a row
  // An odd number of chunks from row to row: eight rows of a matrix then lie in different banks.
  static constexpr int kPitch = 16 * (kChunks + 1);
  static constexpr int kQueryBytes = kTileRows * kPitch;
  static constexpr int kTileBytes = kTileTokens * kPitch;
  static constexpr int kOffsetBytes = kStages * kTileTokens * 16;
  static constexpr int kSharedBytes =
      kQueryBytes + 2 * kStages * kTileBytes + kOffsetBytes + 8 * kTileRows;
  static_assert(kHeadDim % 16 == 0 && kHeadDim <= 256);
};

}  // namespace pagoda

#endif
