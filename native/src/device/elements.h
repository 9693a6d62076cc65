// Element types of pools and rows, as kernels and launchers see them.
#ifndef PAGODA_DEVICE_ELEMENTS_H
#define PAGODA_DEVICE_ELEMENTS_H

#include <cstdint>

namespace pagoda {

/// Values as in pagoda.h, which kernels do not see; src/abi checks that they agree.
enum class DType : int32_t { kFp32 = 0, kFp16 = 1, kBf16 = 2 };

constexpr int64_t element_bytes(DType dtype) { return dtype == DType::kFp32 ? 4 : 2; }

}  // namespace pagoda

#endif
