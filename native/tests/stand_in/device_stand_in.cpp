// The C ABI without a GPU: what a machine without one tests the callers of the library with.
//
// Device memory is host memory that only this file knows, and kernels are loops in double
// precision. What callers must get right about a device is kept, and harder than a device has it:
//
//   - work queued on a stream runs when somebody waits for it, and no sooner, so that whoever
//     overwrites pinned memory before its copy has passed, or reads an answer without waiting,
//     gets it wrong every time;
//   - every address that work touches must lie in memory that is allocated: otherwise the context
//     is broken for good, as after a fault on a device;
//   - what must be pinned, aligned or not captured is refused if it is not.
//
// There is one device, and one context per opening. Speed and the memory model of a device are not
// there to be had. It needs no CUDA: c++ -std=c++17 -shared -fPIC, and the header.

#include <sys/mman.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "pagoda/pagoda.h"

namespace {

constexpr int64_t kTotalBytes = int64_t{24} << 30;
constexpr int32_t kOutOfMemory = 2;         // cudaErrorMemoryAllocation
constexpr int32_t kIllegalAddress = 700;    // cudaErrorIllegalAddress
constexpr int32_t kInvalidHandle = 400;     // cudaErrorInvalidResourceHandle
constexpr int32_t kInvalidDevice = 101;     // cudaErrorInvalidDevice
constexpr int32_t kUnsupportedCapture = 900;  // cudaErrorStreamCaptureUnsupported

using Work = std::function<void()>;

struct Stream {
  std::deque<Work> work;
  int64_t num_queued = 0;
  int64_t num_passed = 0;
  bool is_captured = false;
  std::vector<Work> captured;
};

struct Event {
  Stream* stream = nullptr;
  int64_t behind = 0;
};

using Graph = std::vector<Work>;

struct Memory {
  int64_t num_bytes;
  bool is_pinned;
};

// All of the machine, under one lock.
std::mutex machine;
std::map<uint64_t, Memory> memories;
std::set<Stream*> streams;
Stream default_stream;
int64_t used_bytes = 0;
bool is_broken = false;
int context_of_process;
thread_local void* current_context = nullptr;

struct Fault {};

[[gnu::format(printf, 4, 5)]]
pagoda_status fail(pagoda_error* error, pagoda_status status, int32_t cuda_error,
                   const char* format, ...) {
  if (error != nullptr) {
    error->cuda_error = cuda_error;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
  }
  return status;
}

pagoda_status broken(pagoda_error* error) {
  return fail(error, PAGODA_STATUS_DEVICE_FAULT, kIllegalAddress,
              "work that ran broke the context: an illegal memory access was encountered");
}

/// What lies at an address, if that much is allocated there in one piece.
const Memory* memory_at(uint64_t address, int64_t num_bytes) {
  auto after = memories.upper_bound(address);
  if (after == memories.begin()) {
    return nullptr;
  }
  const auto& [start, memory] = *std::prev(after);
  const auto offset = static_cast<int64_t>(address - start);
  return num_bytes >= 0 && offset + num_bytes <= memory.num_bytes ? &memory : nullptr;
}

template <typename Element>
Element* elements(uint64_t address, int64_t count) {
  if (count > 0 && memory_at(address, count * static_cast<int64_t>(sizeof(Element))) == nullptr) {
    throw Fault{};
  }
  return reinterpret_cast<Element*>(static_cast<uintptr_t>(address));
}

/// Runs what is queued on a stream up to a mark.
void run(Stream& stream, int64_t behind) {
  while (stream.num_passed < behind && !stream.work.empty()) {
    Work next = std::move(stream.work.front());
    stream.work.pop_front();
    stream.num_passed++;
    if (!is_broken) {
      try {
        next();
      } catch (const Fault&) {
        is_broken = true;
      }
    }
  }
}

void run_all() {
  run(default_stream, default_stream.num_queued);
  for (Stream* stream : streams) {
    run(*stream, stream->num_queued);
  }
}

Stream* stream_of(void* handle) {
  auto* stream = static_cast<Stream*>(handle);
  if (stream == nullptr) {
    return &default_stream;
  }
  return streams.count(stream) == 0 ? nullptr : stream;
}

/// Queues work, or records it.
pagoda_status queue(void* handle, pagoda_error* error, Work work) {
  if (is_broken) {
    return broken(error);
  }
  if (current_context == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "no context is current");
  }
  Stream* stream = stream_of(handle);
  if (stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  if (stream->is_captured) {
    stream->captured.push_back(std::move(work));
  } else {
    stream->work.push_back(std::move(work));
    stream->num_queued++;
  }
  return PAGODA_STATUS_OK;
}

bool is_anything_captured() {
  return std::any_of(streams.begin(), streams.end(),
                     [](const Stream* stream) { return stream->is_captured; });
}

pagoda_status require(bool holds, const char* sentence, const char* name, int64_t value,
                      pagoda_error* error) {
  return holds ? PAGODA_STATUS_OK
               : fail(error, PAGODA_STATUS_INVALID_ARGUMENT, 0, "%s: %s=%" PRId64, sentence, name,
                      value);
}

pagoda_status require_aligned(const char* name, uint64_t address, int64_t alignment,
                              pagoda_error* error) {
  if (address != 0 && address % static_cast<uint64_t>(alignment) == 0) {
    return PAGODA_STATUS_OK;
  }
  return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, 0,
              "this address must be a multiple of %" PRId64 ": %s=0x%" PRIx64, alignment, name,
              address);
}

#define RETURN_UNLESS_OK(call)                       \
  do {                                               \
    const pagoda_status returned = (call);           \
    if (returned != PAGODA_STATUS_OK) return returned; \
  } while (false)

// --- elements

int64_t bytes_of(pagoda_dtype dtype) { return dtype == PAGODA_DTYPE_FP32 ? 4 : 2; }

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

double half_to_double(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 31;
  const uint32_t mantissa = bits & 1023;
  if (exponent == 0) {
    const double value = static_cast<double>(mantissa) / (1 << 24);
    return sign == 0 ? value : -value;
  }
  const uint32_t widened = exponent == 31 ? 255 : exponent + 112;
  return from_bits(sign | widened << 23 | mantissa << 13);
}

uint16_t float_to_half(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) {
    return sign | 0x7e00;
  }
  const double size = std::fabs(static_cast<double>(value));
  if (size >= 65520) {
    return sign | 0x7c00;
  }
  int exponent = size == 0 ? -14 : std::max(-14, std::ilogb(size));
  // Round half to even, as the default rounding mode has it.
  const auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return sign | static_cast<uint16_t>((exponent + 14) * 1024 + mantissa);
}

double read(pagoda_dtype dtype, uint64_t address) {
  switch (dtype) {
    case PAGODA_DTYPE_FP32:
      return *reinterpret_cast<const float*>(static_cast<uintptr_t>(address));
    case PAGODA_DTYPE_FP16:
      return half_to_double(*reinterpret_cast<const uint16_t*>(static_cast<uintptr_t>(address)));
    default:
      return from_bits(static_cast<uint32_t>(
                           *reinterpret_cast<const uint16_t*>(static_cast<uintptr_t>(address)))
                       << 16);
  }
}

void write(pagoda_dtype dtype, uint64_t address, float value) {
  auto* target = reinterpret_cast<char*>(static_cast<uintptr_t>(address));
  if (dtype == PAGODA_DTYPE_FP32) {
    std::memcpy(target, &value, 4);
    return;
  }
  uint16_t bits;
  if (dtype == PAGODA_DTYPE_FP16) {
    bits = float_to_half(value);
  } else {
    uint32_t whole;
    std::memcpy(&whole, &value, 4);
    bits = static_cast<uint16_t>(std::isnan(value) ? 0x7fc0
                                                   : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
  }
  std::memcpy(target, &bits, 2);
}

double rounded(pagoda_dtype dtype, double value) {
  char bits[4];
  const auto address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(bits));
  write(dtype, address, static_cast<float>(value));
  return read(dtype, address);
}

// --- kernels

uint64_t tile(const pagoda_kv_layer& layer, int64_t block, int64_t base, int64_t head,
              int64_t tile_bytes) {
  if (block < 0 || block >= layer.num_blocks) {
    throw Fault{};
  }
  const uint64_t address = layer.pool + block * layer.block_bytes + base + head * tile_bytes;
  elements<char>(address, tile_bytes);
  return address;
}

uint64_t key_tile(const pagoda_kv_layer& layer, int64_t block, int64_t head) {
  return tile(layer, block, layer.key_base_bytes, head, layer.key_tile_bytes);
}

uint64_t value_tile(const pagoda_kv_layer& layer, int64_t block, int64_t head) {
  return tile(layer, block, layer.value_base_bytes, head, layer.value_tile_bytes);
}

void copy_head(pagoda_dtype from, uint64_t source, pagoda_dtype to, uint64_t target, int64_t dim) {
  elements<char>(source, dim * bytes_of(from));
  for (int64_t i = 0; i < dim; i++) {
    write(to, target + i * bytes_of(to), static_cast<float>(read(from, source + i * bytes_of(from))));
  }
}

void write_kv(const pagoda_write_kv_params& p) {
  const pagoda_kv_layer& layer = p.layer;
  const int64_t* slots = elements<int64_t>(p.slot_mapping, p.num_tokens);
  for (int64_t token = 0; token < p.num_tokens; token++) {
    const int64_t slot = slots[token];
    if (slot < 0 || slot >= layer.num_blocks * layer.block_size) {
      continue;
    }
    const int64_t block = slot / layer.block_size;
    const int64_t offset = slot % layer.block_size;
    for (int64_t head = 0; head < layer.num_kv_heads; head++) {
      const int64_t key_dim = layer.key_head_dim;
      const int64_t value_dim = layer.value_head_dim;
      copy_head(p.row_dtype,
                p.keys + token * p.key_row_stride_bytes + head * key_dim * bytes_of(p.row_dtype),
                layer.key_dtype,
                key_tile(layer, block, head) + offset * key_dim * bytes_of(layer.key_dtype),
                key_dim);
      copy_head(
          p.row_dtype,
          p.values + token * p.value_row_stride_bytes + head * value_dim * bytes_of(p.row_dtype),
          layer.value_dtype,
          value_tile(layer, block, head) + offset * value_dim * bytes_of(layer.value_dtype),
          value_dim);
    }
  }
}

/// What is common to one row per sequence and to ragged rows.
struct Attention {
  pagoda_kv_layer layer;
  uint64_t queries, output, maybe_lse, block_tables, maybe_alibi_slopes, maybe_sinks;
  int64_t query_row_stride_bytes, output_row_stride_bytes, block_table_stride;
  int32_t num_query_heads;
  pagoda_dtype row_dtype;
  int32_t window_tokens;
  bool is_causal;
  float softmax_scale, logit_soft_cap;
};

template <typename Params>
Attention attention_of(const Params& p, bool is_causal) {
  return {p.layer,          p.queries,          p.output,
          p.maybe_lse,      p.block_tables,     p.maybe_alibi_slopes,
          p.maybe_sinks,    p.query_row_stride_bytes, p.output_row_stride_bytes,
          p.block_table_stride, p.num_query_heads,  p.row_dtype,
          p.window_tokens,  is_causal,          p.softmax_scale,
          p.logit_soft_cap};
}

void attend_head(const Attention& a, int64_t row, int64_t seq, int64_t head, int64_t position,
                 int64_t context_length) {
  const pagoda_kv_layer& layer = a.layer;
  const int64_t key_dim = layer.key_head_dim;
  const int64_t value_dim = layer.value_head_dim;
  const int64_t kv_head = head / (a.num_query_heads / layer.num_kv_heads);
  const int64_t end = a.is_causal ? std::min(position + 1, context_length) : context_length;
  const int64_t first =
      a.window_tokens > 0 ? std::max<int64_t>(0, position - a.window_tokens + 1) : 0;

  const uint64_t query_at =
      a.queries + row * a.query_row_stride_bytes + head * key_dim * bytes_of(a.row_dtype);
  elements<char>(query_at, key_dim * bytes_of(a.row_dtype));
  std::vector<double> query(key_dim);
  for (int64_t i = 0; i < key_dim; i++) {
    query[i] = rounded(layer.key_dtype, read(a.row_dtype, query_at + i * bytes_of(a.row_dtype)));
  }

  double sum = 0;
  double highest = -INFINITY;
  std::vector<double> weighted(value_dim, 0);
  const auto add = [&](double score) {
    // Everything so far is relative to the highest score.
    if (score > highest) {
      const double factor = std::exp(highest - score);
      sum *= factor;
      for (double& element : weighted) element *= factor;
      highest = score;
    }
    const double weight = std::exp(score - highest);
    sum += weight;
    return weight;
  };
  if (a.maybe_sinks != 0) {
    add(elements<float>(a.maybe_sinks, a.num_query_heads)[head]);
  }
  const double slope =
      a.maybe_alibi_slopes == 0 ? 0 : elements<float>(a.maybe_alibi_slopes, a.num_query_heads)[head];
  const int32_t* table = nullptr;
  if (end > first) {
    table = elements<int32_t>(
        a.block_tables + seq * a.block_table_stride * sizeof(int32_t),
        std::min(a.block_table_stride, (end + layer.block_size - 1) / layer.block_size));
  }
  uint64_t keys = 0;
  uint64_t values = 0;
  for (int64_t k = first; k < end; k++) {
    const int64_t block_idx = k / layer.block_size;
    if (block_idx >= a.block_table_stride) {
      throw Fault{};
    }
    const int64_t offset = k % layer.block_size;
    if (k == first || offset == 0) {
      keys = key_tile(layer, table[block_idx], kv_head);
      values = value_tile(layer, table[block_idx], kv_head);
    }
    const uint64_t key = keys + offset * key_dim * bytes_of(layer.key_dtype);
    double score = 0;
    for (int64_t i = 0; i < key_dim; i++) {
      score += query[i] * read(layer.key_dtype, key + i * bytes_of(layer.key_dtype));
    }
    score *= a.softmax_scale;
    if (a.logit_soft_cap != 0) {
      score = a.logit_soft_cap * std::tanh(score / a.logit_soft_cap);
    }
    score += slope * static_cast<double>(k - position);
    const double weight = add(score);
    const uint64_t value = values + offset * value_dim * bytes_of(layer.value_dtype);
    for (int64_t i = 0; i < value_dim; i++) {
      weighted[i] += weight * read(layer.value_dtype, value + i * bytes_of(layer.value_dtype));
    }
  }

  const uint64_t output_at =
      a.output + row * a.output_row_stride_bytes + head * value_dim * bytes_of(a.row_dtype);
  elements<char>(output_at, value_dim * bytes_of(a.row_dtype));
  for (int64_t i = 0; i < value_dim; i++) {
    write(a.row_dtype, output_at + i * bytes_of(a.row_dtype),
          sum == 0 ? 0.0F : static_cast<float>(weighted[i] / sum));
  }
  if (a.maybe_lse != 0) {
    const int64_t at = row * a.num_query_heads + head;
    elements<float>(a.maybe_lse, at + 1)[at] =
        sum == 0 ? -INFINITY : static_cast<float>(highest + std::log(sum));
  }
}

void paged_decode(const pagoda_paged_decode_params& p) {
  const Attention a = attention_of(p, true);
  const int32_t* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    for (int64_t head = 0; head < p.num_query_heads; head++) {
      attend_head(a, seq, seq, head, lengths[seq] - 1, std::max(0, lengths[seq]));
    }
  }
}

void paged_prefill(const pagoda_paged_prefill_params& p) {
  const Attention a = attention_of(p, p.is_causal != 0);
  const int32_t* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  const int32_t* cumulative = elements<int32_t>(p.cumulative_query_lengths, p.num_seqs + 1);
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    for (int64_t row = cumulative[seq]; row < cumulative[seq + 1]; row++) {
      const int64_t position = lengths[seq] - (cumulative[seq + 1] - row);
      for (int64_t head = 0; head < p.num_query_heads; head++) {
        attend_head(a, row, seq, head, position, lengths[seq]);
      }
    }
  }
}

void copy_pairs(uint64_t from, uint64_t to, uint64_t copies, int64_t count, int64_t block_bytes) {
  const auto* pairs = elements<pagoda_block_copy>(copies, count);
  for (int64_t i = 0; i < count; i++) {
    const auto* source = elements<char>(from + pairs[i].source_block * block_bytes, block_bytes);
    auto* target = elements<char>(to + pairs[i].target_block * block_bytes, block_bytes);
    std::memmove(target, source, block_bytes);
  }
}

void update_words(const pagoda_update_words_params& p) {
  std::memcpy(elements<char>(p.delta, p.num_bytes), elements<char>(p.staged, p.num_bytes),
              p.num_bytes);
  const auto* runs = elements<pagoda_word_run>(p.delta, p.num_runs);
  const auto* words = elements<uint32_t>(p.delta, p.num_bytes / 4);
  auto* target = elements<uint32_t>(p.target, p.num_target_words);
  for (int64_t i = 0; i < p.num_runs; i++) {
    for (int64_t word = 0; word < runs[i].num_words; word++) {
      const int64_t at = runs[i].target_word + word;
      if (at >= 0 && at < p.num_target_words) {
        target[at] = words[runs[i].source_word + word];
      }
    }
  }
}

void merge_partials(const pagoda_merge_partials_params& p) {
  const auto* lse = elements<float>(p.partial_lse, int64_t{p.num_partials} * p.num_rows);
  const int64_t width = bytes_of(p.row_dtype);
  for (int64_t row = 0; row < p.num_rows; row++) {
    double highest = -INFINITY;
    for (int64_t part = 0; part < p.num_partials; part++) {
      highest = std::max<double>(highest, lse[part * p.num_rows + row]);
    }
    std::vector<double> merged(p.head_dim, 0);
    double sum = 0;
    for (int64_t part = 0; part < p.num_partials; part++) {
      const double of_part = lse[part * p.num_rows + row];
      if (of_part == -INFINITY) {
        continue;
      }
      const double weight = std::exp(of_part - highest);
      sum += weight;
      const uint64_t from = p.partial_outputs + (part * p.num_rows + row) * p.head_dim * width;
      elements<char>(from, p.head_dim * width);
      for (int64_t i = 0; i < p.head_dim; i++) {
        merged[i] += weight * read(p.row_dtype, from + i * width);
      }
    }
    const uint64_t to = p.output + row * p.head_dim * width;
    elements<char>(to, p.head_dim * width);
    for (int64_t i = 0; i < p.head_dim; i++) {
      write(p.row_dtype, to + i * width, sum == 0 ? 0.0F : static_cast<float>(merged[i] / sum));
    }
    if (p.maybe_lse != 0) {
      elements<float>(p.maybe_lse, row + 1)[row] =
          sum == 0 ? -INFINITY : static_cast<float>(highest + std::log(sum));
    }
  }
}

/// Refuses by the names that the library uses.
pagoda_status first_bad_value(const pagoda_validate_step_params& p, pagoda_error* error) {
  const auto* cumulative = elements<int32_t>(p.cumulative_query_lengths, p.num_seqs + 1);
  const auto* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  const auto* tables = elements<int32_t>(p.block_tables, p.num_seqs * p.block_table_stride);
  const auto* slots = elements<int64_t>(p.slot_mapping, p.num_tokens);
  RETURN_UNLESS_OK(require(cumulative[0] == 0, "query lengths are counted from 0",
                           "cumulative_query_lengths[0]", cumulative[0], error));
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    const int64_t query_length = cumulative[seq + 1] - cumulative[seq];
    RETURN_UNLESS_OK(require(query_length >= 0 && cumulative[seq + 1] <= p.num_tokens,
                             "cumulative query lengths do not fall", "cumulative_query_lengths",
                             cumulative[seq + 1], error));
    RETURN_UNLESS_OK(require(lengths[seq] >= query_length &&
                                 lengths[seq] <= p.block_table_stride * p.block_size,
                             "a context holds its queries and fits its table", "context_lengths",
                             lengths[seq], error));
    const int32_t* table = tables + seq * p.block_table_stride;
    for (int64_t i = 0; i * p.block_size < lengths[seq]; i++) {
      RETURN_UNLESS_OK(require(table[i] >= 0 && table[i] < p.num_blocks, "there is no such block",
                               "block_tables", table[i], error));
    }
    for (int64_t row = cumulative[seq]; row < cumulative[seq + 1]; row++) {
      const int64_t position = lengths[seq] - (cumulative[seq + 1] - row);
      const int64_t slot = int64_t{table[position / p.block_size]} * p.block_size +
                           position % p.block_size;
      RETURN_UNLESS_OK(require(slots[row] == -1 || slots[row] == slot,
                               "table and position say another slot", "slot_mapping", slots[row],
                               error));
    }
  }
  return PAGODA_STATUS_OK;
}

// --- memory

pagoda_status allocate(int64_t num_bytes, bool is_pinned, uint64_t* address, pagoda_error* error) {
  const std::lock_guard guard(machine);
  if (is_broken) {
    return broken(error);
  }
  RETURN_UNLESS_OK(require(num_bytes >= 1, "this must be at least 1", "num_bytes", num_bytes, error));
  if (is_anything_captured()) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture,
                "memory is not allocated while a stream is captured");
  }
  if (num_bytes > kTotalBytes - used_bytes) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kOutOfMemory,
                "there is not so much memory left: num_bytes=%" PRId64 ", free_bytes=%" PRId64,
                num_bytes, kTotalBytes - used_bytes);
  }
  // Pages that nobody writes cost nothing: a large pool is as cheap as a small one.
  void* memory = mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(error, PAGODA_STATUS_INTERNAL_ERROR, 0, "host memory ran out");
  }
  // What was never written is no zero: all bits of the beginning are set, which is NaN.
  std::memset(memory, 0xff, std::min<int64_t>(num_bytes, 1 << 16));
  *address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(memory));
  memories[*address] = {num_bytes, is_pinned};
  used_bytes += num_bytes;
  return PAGODA_STATUS_OK;
}

pagoda_status release(uint64_t address, bool is_pinned, pagoda_error* error) {
  const std::lock_guard guard(machine);
  if (address == 0) {
    return PAGODA_STATUS_OK;
  }
  run_all();
  const auto found = memories.find(address);
  if (found == memories.end() || found->second.is_pinned != is_pinned) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, 1, "there is no such memory: address=0x%" PRIx64,
                address);
  }
  munmap(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), found->second.num_bytes);
  used_bytes -= found->second.num_bytes;
  memories.erase(found);
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status wait_for(Stream& stream, int64_t behind, pagoda_error* error) {
  if (stream.is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture,
                "nobody waits for a stream that is captured");
  }
  run(stream, behind);
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status require_layer(const pagoda_kv_layer& layer, pagoda_error* error) {
  RETURN_UNLESS_OK(require_aligned("layer.pool", layer.pool, 64, error));
  RETURN_UNLESS_OK(require(layer.num_kv_heads >= 1, "this must be at least 1",
                           "layer.num_kv_heads", layer.num_kv_heads, error));
  RETURN_UNLESS_OK(require(layer.block_size >= 1 && layer.block_size <= 1024,
                           "this must be 1 to 1024", "layer.block_size", layer.block_size, error));
  for (const int64_t size : {layer.block_bytes, layer.key_base_bytes, layer.value_base_bytes,
                             layer.key_tile_bytes, layer.value_tile_bytes}) {
    RETURN_UNLESS_OK(require(size >= 0 && size % 64 == 0, "sizes of a layer are multiples of 64",
                             "layer", size, error));
  }
  if (layer.key_dtype != layer.value_dtype) {
    return fail(error, PAGODA_STATUS_UNSUPPORTED, 0,
                "keys and values must have one dtype: layer.value_dtype=%d", layer.value_dtype);
  }
  return PAGODA_STATUS_OK;
}

template <typename Params>
pagoda_status require_attention(const Params& p, pagoda_error* error) {
  RETURN_UNLESS_OK(require_layer(p.layer, error));
  RETURN_UNLESS_OK(require(p.num_query_heads >= 1 && p.num_query_heads % p.layer.num_kv_heads == 0,
                           "this must be a multiple of num_kv_heads", "num_query_heads",
                           p.num_query_heads, error));
  RETURN_UNLESS_OK(require_aligned("queries", p.queries, bytes_of(p.row_dtype), error));
  RETURN_UNLESS_OK(require_aligned("output", p.output, bytes_of(p.row_dtype), error));
  RETURN_UNLESS_OK(require_aligned("workspace", p.workspace, 256, error));
  RETURN_UNLESS_OK(require_aligned("context_lengths", p.context_lengths, 4, error));
  RETURN_UNLESS_OK(require_aligned("block_tables", p.block_tables, 4, error));
  return require(p.workspace_bytes >= 256, "the workspace is too small", "workspace_bytes",
                 p.workspace_bytes, error);
}

}  // namespace

extern "C" {

int32_t pagoda_abi_version(void) { return PAGODA_ABI_VERSION; }

pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error*) {
  *num_devices = 1;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_device_describe(int32_t device_idx, pagoda_device_description* description,
                                     pagoda_error* error) {
  const std::lock_guard guard(machine);
  RETURN_UNLESS_OK(require(device_idx == 0, "there is 1 device", "device_idx", device_idx, error));
  *description = {};
  std::snprintf(description->name, sizeof(description->name), "stand-in for a GPU");
  description->total_memory_bytes = kTotalBytes;
  description->free_memory_bytes = kTotalBytes - used_bytes;
  description->compute_capability_major = 9;
  description->num_multiprocessors = 1;
  description->driver_version = 13000;
  description->runtime_version = 13000;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_device_check(int32_t device_idx, int32_t* image_architecture,
                                  pagoda_error* error) {
  RETURN_UNLESS_OK(require(device_idx == 0, "there is 1 device", "device_idx", device_idx, error));
  *image_architecture = 80;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_open(int32_t device_idx, void** context, pagoda_error* error) {
  if (device_idx != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, kInvalidDevice,
                "there is no such device: device_idx=%d", device_idx);
  }
  *context = &context_of_process;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_enter(void* context, void** previous, pagoda_error* error) {
  if (context != nullptr && context != &context_of_process) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "this is no context");
  }
  *previous = current_context;
  current_context = context;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_device(int32_t* device_idx, pagoda_error*) {
  *device_idx = 0;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_memory_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return allocate(num_bytes, false, address, error);
}

pagoda_status pagoda_memory_free(uint64_t address, pagoda_error* error) {
  return release(address, false, error);
}

pagoda_status pagoda_pinned_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return allocate(num_bytes, true, address, error);
}

pagoda_status pagoda_pinned_free(uint64_t address, pagoda_error* error) {
  return release(address, true, error);
}

pagoda_status pagoda_fill_memory(const pagoda_fill_memory_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_fill_memory_params p = *params;
  RETURN_UNLESS_OK(require(p.byte_value >= 0 && p.byte_value <= 255, "this must be 0 to 255",
                           "byte_value", p.byte_value, error));
  return queue(stream, error, [p] {
    std::memset(elements<char>(p.target, p.num_bytes), static_cast<int>(p.byte_value), p.num_bytes);
  });
}

pagoda_status pagoda_copy_memory(const pagoda_copy_memory_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_copy_memory_params p = *params;
  const bool source_is_ours = memory_at(p.source, p.num_bytes) != nullptr;
  const bool target_is_ours = memory_at(p.target, p.num_bytes) != nullptr;
  if (!source_is_ours && !target_is_ours) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, 1, "neither is memory of the device");
  }
  RETURN_UNLESS_OK(queue(stream, error, [p] {
    std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(p.target)),
                reinterpret_cast<const void*>(static_cast<uintptr_t>(p.source)), p.num_bytes);
  }));
  // Pageable memory is the caller's again when the call returns.
  Stream* of = stream_of(stream);
  return source_is_ours && target_is_ours ? PAGODA_STATUS_OK : wait_for(*of, of->num_queued, error);
}

pagoda_status pagoda_stream_create(void** stream, pagoda_error* error) {
  const std::lock_guard guard(machine);
  if (is_broken) {
    return broken(error);
  }
  auto* made = new Stream();
  streams.insert(made);
  *stream = made;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_destroy(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr || stream == &default_stream) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  run(*stream, stream->num_queued);
  streams.erase(stream);
  delete stream;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_wait(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  return stream == nullptr
             ? fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream")
             : wait_for(*stream, stream->num_queued, error);
}

pagoda_status pagoda_stream_query(void* handle, int32_t* is_idle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  *is_idle = stream == nullptr || stream->work.empty() ? 1 : 0;
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_wait_event(void* stream, void* event, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  return queue(stream, error, [mark] {
    if (mark.stream != nullptr && streams.count(mark.stream) != 0) {
      run(*mark.stream, mark.behind);
    }
  });
}

pagoda_status pagoda_event_create(void** event, pagoda_error*) {
  *event = new Event();
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_destroy(void* event, pagoda_error*) {
  delete static_cast<Event*>(event);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_record(void* event, void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  if (is_broken) {
    return broken(error);
  }
  Stream* stream = stream_of(handle);
  if (stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  *static_cast<Event*>(event) = {stream, stream->num_queued};
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_wait(void* event, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  if (mark.stream != nullptr && (mark.stream == &default_stream || streams.count(mark.stream) != 0)) {
    return wait_for(*mark.stream, mark.behind, error);
  }
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_query(void* event, int32_t* has_passed, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  *has_passed = mark.stream == nullptr || mark.stream->num_passed >= mark.behind ? 1 : 0;
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_begin(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (handle == nullptr || stream == nullptr || stream->is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture, "this cannot be captured");
  }
  stream->is_captured = true;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_end(void* handle, void** graph, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr || !stream->is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture, "nothing is captured");
  }
  stream->is_captured = false;
  *graph = new Graph(std::move(stream->captured));
  stream->captured.clear();
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_query(void* handle, int32_t* is_capturing, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  *is_capturing = stream->is_captured ? 1 : 0;
  return is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_graph_launch(void* graph, void* stream, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Graph work = *static_cast<Graph*>(graph);
  return queue(stream, error, [work] {
    for (const Work& each : work) each();
  });
}

pagoda_status pagoda_graph_destroy(void* graph, pagoda_error*) {
  delete static_cast<Graph*>(graph);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_write_kv(const pagoda_write_kv_params* params, void* stream,
                              pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_write_kv_params p = *params;
  RETURN_UNLESS_OK(require_layer(p.layer, error));
  RETURN_UNLESS_OK(require_aligned("slot_mapping", p.slot_mapping, 8, error));
  return queue(stream, error, [p] { write_kv(p); });
}

pagoda_status pagoda_paged_decode_workspace(const pagoda_paged_decode_params*,
                                            int64_t* workspace_bytes, pagoda_error*) {
  *workspace_bytes = 256;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_paged_decode(const pagoda_paged_decode_params* params, void* stream,
                                  pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_paged_decode_params p = *params;
  RETURN_UNLESS_OK(require_attention(p, error));
  return queue(stream, error, [p] { paged_decode(p); });
}

pagoda_status pagoda_paged_prefill_workspace(const pagoda_paged_prefill_params*,
                                             int64_t* workspace_bytes, pagoda_error*) {
  *workspace_bytes = 256;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_paged_prefill(const pagoda_paged_prefill_params* params, void* stream,
                                   pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_paged_prefill_params p = *params;
  RETURN_UNLESS_OK(require_attention(p, error));
  return queue(stream, error, [p] { paged_prefill(p); });
}

pagoda_status pagoda_copy_blocks(const pagoda_copy_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_copy_blocks_params p = *params;
  RETURN_UNLESS_OK(require_aligned("pool", p.pool, 16, error));
  return queue(stream, error,
               [p] { copy_pairs(p.pool, p.pool, p.copies, p.num_copies, p.block_bytes); });
}

pagoda_status pagoda_swap_blocks(const pagoda_swap_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_swap_blocks_params p = *params;
  RETURN_UNLESS_OK(require_aligned("source_pool", p.source_pool, 16, error));
  RETURN_UNLESS_OK(require_aligned("target_pool", p.target_pool, 16, error));
  return queue(stream, error, [p] {
    copy_pairs(p.source_pool, p.target_pool, p.copies, p.num_copies, p.block_bytes);
  });
}

pagoda_status pagoda_update_words(const pagoda_update_words_params* params, void* stream,
                                  pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_update_words_params p = *params;
  if (p.num_runs == 0) {
    return PAGODA_STATUS_OK;
  }
  RETURN_UNLESS_OK(require_aligned("staged", p.staged, 8, error));
  RETURN_UNLESS_OK(require_aligned("delta", p.delta, 8, error));
  RETURN_UNLESS_OK(require_aligned("target", p.target, 4, error));
  const Memory* staged = memory_at(p.staged, p.num_bytes);
  RETURN_UNLESS_OK(require(staged != nullptr && staged->is_pinned, "staged words must be pinned",
                           "num_bytes", p.num_bytes, error));
  return queue(stream, error, [p] { update_words(p); });
}

pagoda_status pagoda_validate_step(const pagoda_validate_step_params* params, void* stream,
                                   pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* of = stream_of(stream);
  if (of == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  RETURN_UNLESS_OK(wait_for(*of, of->num_queued, error));
  try {
    return first_bad_value(*params, error);
  } catch (const Fault&) {
    is_broken = true;
    return broken(error);
  }
}

pagoda_status pagoda_merge_partials(const pagoda_merge_partials_params* params, void* stream,
                                    pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_merge_partials_params p = *params;
  return queue(stream, error, [p] { merge_partials(p); });
}

}  // extern "C"
