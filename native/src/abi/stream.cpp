// Streams, events and graphs: handles of CUDA's own, so that callers can bring theirs.

#include <cuda_runtime_api.h>

#include "abi/checks.h"
#include "abi/device_failures.h"
#include "abi/failure.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

pagoda_status require_pointer(const char* name, const void* pointer, pagoda_error* error) {
  if (pointer == nullptr) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess, "this is missing: %s=NULL",
                name);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status done(cudaError_t answer, const char* operation, pagoda_error* error) {
  return answer == cudaSuccess ? PAGODA_STATUS_OK : fail_to_do(answer, operation, error);
}

/// The answer to a question that CUDA answers with success or "not ready".
pagoda_status answered(cudaError_t answer, int32_t* is_ready, const char* operation,
                       pagoda_error* error) {
  if (answer != cudaSuccess && answer != cudaErrorNotReady) {
    return fail_to_do(answer, operation, error);
  }
  *is_ready = answer == cudaSuccess ? 1 : 0;
  cudaGetLastError();  // "not ready" would otherwise look like an error of the next launch
  return PAGODA_STATUS_OK;
}

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

cudaEvent_t event_of(void* event) { return static_cast<cudaEvent_t>(event); }

}  // namespace

pagoda_status pagoda_stream_create(void** stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("stream", stream, error));
    cudaStream_t created = nullptr;
    PAGODA_RETURN_UNLESS_OK(
        done(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "make a stream", error));
    *stream = created;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_stream_destroy(void* stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("stream", stream, error));
    return done(cudaStreamDestroy(stream_of(stream)), "destroy a stream", error);
  });
}

pagoda_status pagoda_stream_wait(void* stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    return done(cudaStreamSynchronize(stream_of(stream)), "wait for the stream", error);
  });
}

pagoda_status pagoda_stream_query(void* stream, int32_t* is_idle, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("is_idle", is_idle, error));
    return answered(cudaStreamQuery(stream_of(stream)), is_idle, "look at the stream", error);
  });
}

pagoda_status pagoda_stream_wait_event(void* stream, void* event, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    return done(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "make the stream wait",
                error);
  });
}

pagoda_status pagoda_event_create(void** event, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    cudaEvent_t created = nullptr;
    PAGODA_RETURN_UNLESS_OK(
        done(cudaEventCreateWithFlags(&created, cudaEventDisableTiming), "make an event", error));
    *event = created;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_event_destroy(void* event, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    return done(cudaEventDestroy(event_of(event)), "destroy an event", error);
  });
}

pagoda_status pagoda_event_record(void* event, void* stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    return done(cudaEventRecord(event_of(event), stream_of(stream)), "record an event", error);
  });
}

pagoda_status pagoda_event_wait(void* event, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    return done(cudaEventSynchronize(event_of(event)), "wait for an event", error);
  });
}

pagoda_status pagoda_event_query(void* event, int32_t* has_passed, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("event", event, error));
    PAGODA_RETURN_UNLESS_OK(require_pointer("has_passed", has_passed, error));
    return answered(cudaEventQuery(event_of(event)), has_passed, "look at an event", error);
  });
}

pagoda_status pagoda_capture_begin(void* stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("stream", stream, error));
    return done(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal),
                "begin a capture", error);
  });
}

pagoda_status pagoda_capture_end(void* stream, void** graph, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("stream", stream, error));
    PAGODA_RETURN_UNLESS_OK(require_pointer("graph", graph, error));
    cudaGraph_t captured = nullptr;
    PAGODA_RETURN_UNLESS_OK(
        done(cudaStreamEndCapture(stream_of(stream), &captured), "end a capture", error));
    cudaGraphExec_t executable = nullptr;
    const cudaError_t answer = cudaGraphInstantiate(&executable, captured, 0);
    cudaGraphDestroy(captured);
    PAGODA_RETURN_UNLESS_OK(done(answer, "make a graph", error));
    *graph = executable;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_capture_query(void* stream, int32_t* is_capturing, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("is_capturing", is_capturing, error));
    cudaStreamCaptureStatus state = cudaStreamCaptureStatusNone;
    PAGODA_RETURN_UNLESS_OK(
        done(cudaStreamIsCapturing(stream_of(stream), &state), "look at the capture", error));
    *is_capturing = state == cudaStreamCaptureStatusNone ? 0 : 1;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_graph_launch(void* graph, void* stream, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("graph", graph, error));
    return done(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)),
                "launch a graph", error);
  });
}

pagoda_status pagoda_graph_destroy(void* graph, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_pointer("graph", graph, error));
    return done(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)), "destroy a graph",
                error);
  });
}
