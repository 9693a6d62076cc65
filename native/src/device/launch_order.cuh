// Launches that overlap: a kernel may be started while the one before it in the stream still runs.
//
// Only for kernels launched with programmatic stream serialisation (compute capability 9.0 and up).
#ifndef PAGODA_DEVICE_LAUNCH_ORDER_CUH
#define PAGODA_DEVICE_LAUNCH_ORDER_CUH

/// Has the compiler compute two addresses and a number ahead of this line, not where they are used.
#define PAGODA_COMPUTED_BY_NOW(first, second, number) \
  asm volatile("" : "+l"(first), "+l"(second), "+r"(number))

namespace pagoda {

/// Waits until everything earlier in the stream has run and its writes are visible. Before it, a
/// kernel writes no global memory, and what it reads is no more than a hint.
__device__ __forceinline__ void wait_for_earlier_launches() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

/// Lets the next kernel in the stream start as soon as there is room; it waits for this one's end.
__device__ __forceinline__ void let_later_launches_start() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

}  // namespace pagoda

#endif
