// Kernel times beside the memory's ceilings: paged decode, paged prefill, block copies, swaps.
//
//   native_bench shapes.csv [name=value ...]
//
//   only=D1          one shape, or copies, swaps
//   sustained=2      seconds of a second, sustained run of each shape
//   ctas= slots= least=   how a decode launch uses the device (see DecodeTuning)
//
// Every shape is checked once against the portable kernel, and rotates over block sets that
// together exceed the L2 cache several times.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <sstream>
#include <string>

#include "attention/paged_decode.h"
#include "attention/paged_prefill.h"
#include "cache/copy_blocks.h"
#include "ceilings.cuh"
#include "timing.h"

namespace {

using namespace bench;

/// Device memory that lives until the end of its scope.
template <typename Element>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t length) : length_(length) {
    check(cudaMalloc(&pointer_, length * sizeof(Element)), "cudaMalloc");
  }
  explicit DeviceArray(const std::vector<Element>& source)
      : DeviceArray(static_cast<int64_t>(source.size())) {
    check(cudaMemcpy(pointer_, source.data(), source.size() * sizeof(Element),
                     cudaMemcpyHostToDevice),
          "cudaMemcpy");
  }
  ~DeviceArray() { cudaFree(pointer_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  Element* get() const { return pointer_; }
  std::vector<Element> read() const {
    std::vector<Element> target(length_);
    check(cudaMemcpy(target.data(), pointer_, length_ * sizeof(Element), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    return target;
  }
  void fill(int byte) { check(cudaMemset(pointer_, byte, length_ * sizeof(Element)), "memset"); }

 private:
  Element* pointer_ = nullptr;
  int64_t length_;
};

/// Roughly normal numbers, each from its index alone.
__global__ void fill_random_kernel(__nv_bfloat16* array, int64_t length, uint32_t seed) {
  for (int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; i < length;
       i += int64_t{gridDim.x} * blockDim.x) {
    uint64_t bits = (static_cast<uint64_t>(i) + seed * 0x100000000ull) * 0x9e3779b97f4a7c15ull;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    bits ^= bits >> 31;
    float sum = -2.0f;
    for (int part = 0; part < 4; ++part) {
      sum += static_cast<float>((bits >> (16 * part)) & 0xffff) * 0x1p-16f;
    }
    array[i] = __float2bfloat16(sum * 1.7320508f);
  }
}

struct Shape {
  std::string name;
  std::vector<int32_t> query_lengths;
  std::vector<int32_t> context_lengths;
  int num_query_heads;
  int num_kv_heads;
  int head_dim;
  int block_size;
};

std::vector<Shape> read_shapes(const char* path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "there is no such file: path=%s\n", path);
    std::exit(2);
  }
  std::vector<Shape> shapes;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || (line[0] != 'D' && line[0] != 'P')) {
      continue;
    }
    std::vector<std::string> cells;
    std::stringstream cells_of(line);
    for (std::string cell; std::getline(cells_of, cell, ',');) {
      cells.push_back(cell);
    }
    Shape shape;
    shape.name = cells[0];
    const int num_seqs = std::stoi(cells[1]);
    shape.query_lengths.assign(num_seqs, std::stoi(cells[2]));
    const size_t dots = cells[3].find("..");
    if (dots == std::string::npos) {
      shape.context_lengths.assign(num_seqs, std::stoi(cells[3]));
    } else {
      std::mt19937 random(42);
      std::uniform_int_distribution<int> lengths(std::stoi(cells[3]),
                                                 std::stoi(cells[3].substr(dots + 2)));
      for (int i = 0; i < num_seqs; ++i) {
        shape.context_lengths.push_back(lengths(random));
      }
    }
    shape.num_query_heads = std::stoi(cells[4]);
    shape.num_kv_heads = std::stoi(cells[5]);
    shape.head_dim = std::stoi(cells[6]);
    shape.block_size = std::stoi(cells[7]);
    shapes.push_back(shape);
  }
  // One step of a server, which a row of the file cannot say: 32 decodes and one prompt.
  Shape mixed{"P4", std::vector<int32_t>(33, 1), std::vector<int32_t>(33, 4096), 32, 8, 128, 16};
  mixed.query_lengths.back() = 2048;
  mixed.context_lengths.back() = 2048;
  shapes.push_back(mixed);
  return shapes;
}

using Options = std::map<std::string, std::string>;

int option(const Options& options, const char* name, int otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::stoi(found->second);
}

double g_read_gb_per_s = 0.0;

pagoda::LaunchDevice this_device() {
  pagoda::LaunchDevice device{};
  check(pagoda::query_launch_device(&device), "device");
  return device;
}

void measure_ceilings(const pagoda::LaunchDevice& device) {
  constexpr int64_t kBytes = int64_t{8} << 30;
  DeviceArray<char> array(kBytes);
  fill_random_kernel<<<4096, 256>>>(reinterpret_cast<__nv_bfloat16*>(array.get()), kBytes / 2, 3);
  check(cudaFuncSetAttribute(pure_read_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             kReadSharedBytes),
        "shared memory");
  const Timing read = time_replays(
      [&](int, cudaStream_t stream) {
        pure_read_kernel<<<device.num_multiprocessors, 32, kReadSharedBytes, stream>>>(
            array.get(), kBytes / kReadStageBytes);
      },
      {1, 20});
  g_read_gb_per_s = kBytes / read.median_us * 1e-3;
  std::printf("ceiling, read of 8 GiB: %.1f us, %.0f GB/s\n", read.median_us, g_read_gb_per_s);
  constexpr int64_t kCopied = int64_t{4096} << 16;
  const Timing copy = time_replays(
      [&](int i, cudaStream_t stream) {
        check(cudaMemcpyAsync(array.get() + (i % 2) * 2 * kCopied,
                              array.get() + ((i % 2) * 2 + 1) * kCopied, kCopied,
                              cudaMemcpyDeviceToDevice, stream),
              "copy");
      },
      {8, 60});
  std::printf("ceiling, contiguous copy of 268 MB: %.1f us, %.0f GB/s read and written\n",
              copy.median_us, 2 * kCopied / copy.median_us * 1e-3);
}

/// Sets of shuffled blocks, one for each call in turn, so that L2 does not help.
struct BlockSets {
  explicit BlockSets(const Shape& shape)
      : num_seqs(static_cast<int32_t>(shape.context_lengths.size())),
        tile_bytes(int64_t{2} * shape.block_size * shape.head_dim),
        block_bytes(2 * shape.num_kv_heads * tile_bytes) {
    int64_t blocks_per_set = 0;
    int64_t tokens = 0;
    for (const int32_t length : shape.context_lengths) {
      const int32_t blocks = (length + shape.block_size - 1) / shape.block_size;
      blocks_per_set += blocks;
      tokens += length;
      most_blocks = std::max(most_blocks, blocks);
    }
    kv_bytes = 4.0 * tokens * shape.num_kv_heads * shape.head_dim;
    num_sets = static_cast<int>(std::min(96.0, std::max(2.0, std::ceil(4e8 / kv_bytes))));
    num_blocks = static_cast<int32_t>(blocks_per_set * num_sets);
    pool = std::make_unique<DeviceArray<char>>(num_blocks * block_bytes);
    fill_random_kernel<<<4096, 256>>>(reinterpret_cast<__nv_bfloat16*>(pool->get()),
                                      num_blocks * block_bytes / 2, 1);
    std::vector<int32_t> ids(num_blocks);
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(7));
    std::vector<int32_t> entries(int64_t{num_sets} * num_seqs * most_blocks, -1);
    int64_t next = 0;
    for (int set = 0; set < num_sets; ++set) {
      for (int seq = 0; seq < num_seqs; ++seq) {
        for (int i = 0; i * shape.block_size < shape.context_lengths[seq]; ++i) {
          entries[(int64_t{set} * num_seqs + seq) * most_blocks + i] = ids[next++];
        }
      }
    }
    tables = std::make_unique<DeviceArray<int32_t>>(entries);
    lengths = std::make_unique<DeviceArray<int32_t>>(shape.context_lengths);
  }

  const int32_t* tables_of(int set) const {
    return tables->get() + int64_t{set} * num_seqs * most_blocks;
  }

  /// Fills what the params of every attention kernel have in common.
  template <typename Params>
  void use(const Shape& shape, Params* params) const {
    params->pool = pool->get();
    params->block_bytes = block_bytes;
    params->value_base_bytes = shape.num_kv_heads * tile_bytes;
    params->key_tile_bytes = tile_bytes;
    params->value_tile_bytes = tile_bytes;
    params->context_lengths = lengths->get();
    params->block_tables = tables->get();
    params->query_row_stride_bytes = int64_t{2} * shape.num_query_heads * shape.head_dim;
    params->output_row_stride_bytes = params->query_row_stride_bytes;
    params->block_table_stride = most_blocks;
    params->num_seqs = num_seqs;
    params->num_query_heads = shape.num_query_heads;
    params->num_kv_heads = shape.num_kv_heads;
    params->group_size = shape.num_query_heads / shape.num_kv_heads;
    params->num_blocks = num_blocks;
    params->block_size = shape.block_size;
    params->key_head_dim = shape.head_dim;
    params->value_head_dim = shape.head_dim;
    params->key_dtype = pagoda::DType::kBf16;
    params->value_dtype = pagoda::DType::kBf16;
    params->row_dtype = pagoda::DType::kBf16;
    params->softmax_scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  }

  const int32_t num_seqs;
  const int64_t tile_bytes;
  const int64_t block_bytes;
  int32_t num_blocks = 0;
  int32_t most_blocks = 0;
  int num_sets = 0;
  double kv_bytes = 0.0;
  std::unique_ptr<DeviceArray<char>> pool;
  std::unique_ptr<DeviceArray<int32_t>> tables;   // [num_sets, num_seqs, most_blocks]
  std::unique_ptr<DeviceArray<int32_t>> lengths;  // [num_seqs]
};

/// ||actual - expected|| / ||expected||.
double difference_of(const std::vector<__nv_bfloat16>& actual,
                     const std::vector<__nv_bfloat16>& expected) {
  double error = 0.0;
  double squares = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(__bfloat162float(actual[i]) - __bfloat162float(expected[i]), 2);
    squares += std::pow(__bfloat162float(expected[i]), 2);
  }
  return std::sqrt(error / squares);
}

void bench_decode(const Shape& shape, const pagoda::DecodeTuning& tuning,
                  const pagoda::LaunchDevice& device, const Options& options) {
  const BlockSets sets(shape);
  const int32_t num_seqs = sets.num_seqs;
  const int num_sets = sets.num_sets;
  const double kv_bytes = sets.kv_bytes;
  const int64_t row_elements = int64_t{shape.num_query_heads} * shape.head_dim;
  DeviceArray<__nv_bfloat16> queries(num_sets * num_seqs * row_elements);
  DeviceArray<__nv_bfloat16> output(num_seqs * row_elements);
  DeviceArray<char> workspace(pagoda::paged_decode_workspace_bytes(
      {device.num_multiprocessors, shape.num_query_heads / shape.num_kv_heads, shape.head_dim}));
  fill_random_kernel<<<256, 256>>>(queries.get(), num_sets * num_seqs * row_elements, 2);
  workspace.fill(0);

  pagoda::DecodeParams params{};
  sets.use(shape, &params);
  params.output = output.get();
  pagoda::use_paged_decode_workspace(&params, workspace.get(), device.num_multiprocessors);
  const auto call = [&](int i, cudaStream_t stream) {
    pagoda::DecodeParams of_set = params;
    const int set = i % num_sets;
    of_set.block_tables = sets.tables_of(set);
    of_set.queries = queries.get() + set * num_seqs * row_elements;
    check(pagoda::launch_paged_decode(of_set, tuning, device, stream), "launch");
  };

  // The portable kernel has no matrix instructions and no bulk copies to share a mistake with.
  const auto outputs_of = [&](bool portable) {
    output.fill(0xff);
    pagoda::LaunchDevice as = device;
    as.image_architecture = portable ? 80 : device.image_architecture;
    pagoda::DecodeParams of_set = params;
    of_set.queries = queries.get();
    check(pagoda::launch_paged_decode(of_set, tuning, as, nullptr), "launch");
    return output.read();
  };
  const std::vector<__nv_bfloat16> expected = outputs_of(true);
  const std::vector<__nv_bfloat16> actual = outputs_of(false);
  const double relative = difference_of(actual, expected);

  const double ideal_us = kv_bytes / g_read_gb_per_s * 1e-3;
  const int calls = std::max(
      num_sets, static_cast<int>(std::ceil(1000.0 / (ideal_us + 5.0) / num_sets)) * num_sets);
  const Timing timing =
      time_replays(call, {calls, 60, static_cast<double>(option(options, "sustained", 0))});
  std::printf("| %-6s | %8.1f | %7.2f | %7.2f-%.2f | %5.0f | %4.1f | %7.2f | %.1e%s |\n",
              shape.name.c_str(), kv_bytes * 1e-6, timing.median_us, timing.fastest_us,
              timing.slowest_us, kv_bytes / timing.median_us * 1e-3,
              100.0 * kv_bytes / timing.median_us * 1e-3 / g_read_gb_per_s, timing.sustained_us,
              relative, relative < 6e-3 ? "" : " WRONG");
  std::fflush(stdout);
}

/// Prefill: (query, key) pairs of the causal half alone count as work, 4 * head_dim flops each.
void bench_prefill(const Shape& shape, const pagoda::LaunchDevice& device, const Options& options) {
  const BlockSets sets(shape);
  const int64_t num_tokens =
      std::accumulate(shape.query_lengths.begin(), shape.query_lengths.end(), int64_t{0});
  const int64_t row_elements = int64_t{shape.num_query_heads} * shape.head_dim;
  double pairs = 0.0;
  std::vector<int32_t> cumulative_lengths = {0};
  for (size_t seq = 0; seq < shape.query_lengths.size(); ++seq) {
    const int32_t rows = shape.query_lengths[seq];
    cumulative_lengths.push_back(cumulative_lengths.back() + rows);
    pairs += rows * (shape.context_lengths[seq] - 0.5 * (rows - 1));
  }
  const double flops = 4.0 * shape.head_dim * shape.num_query_heads * pairs;
  const DeviceArray<int32_t> cumulative(cumulative_lengths);
  DeviceArray<__nv_bfloat16> queries(sets.num_sets * num_tokens * row_elements);
  DeviceArray<__nv_bfloat16> output(num_tokens * row_elements);
  DeviceArray<char> workspace(pagoda::paged_decode_workspace_bytes(
      {device.num_multiprocessors, shape.num_query_heads / shape.num_kv_heads, shape.head_dim}));
  workspace.fill(0);
  fill_random_kernel<<<256, 256>>>(queries.get(), sets.num_sets * num_tokens * row_elements, 2);
  pagoda::PrefillParams params{};
  sets.use(shape, &params);
  params.queries = queries.get();
  params.output = output.get();
  params.cumulative_query_lengths = cumulative.get();
  params.num_tokens = static_cast<int32_t>(num_tokens);
  params.is_causal = true;
  const auto params_of = [&](int i) {
    pagoda::PrefillParams of_set = params;
    const int set = i % sets.num_sets;
    of_set.block_tables = sets.tables_of(set);
    of_set.queries = queries.get() + set * num_tokens * row_elements;
    return of_set;
  };
  const auto launch = [&](int i, cudaStream_t stream) {
    check(pagoda::launch_paged_prefill(params_of(i), workspace.get(), device, stream), "launch");
  };
  const auto launch_portable = [&](int i, cudaStream_t stream) {
    check(pagoda::launch_portable_paged_prefill(params_of(i), stream), "launch");
  };
  output.fill(0xff);
  launch_portable(0, nullptr);
  const std::vector<__nv_bfloat16> expected = output.read();
  output.fill(0xff);
  launch(0, nullptr);
  const double relative = difference_of(output.read(), expected);
  const Timing timing = time_replays(
      launch, {2 * sets.num_sets, 60, static_cast<double>(option(options, "sustained", 0))});
  const Timing portable = time_replays(launch_portable, {1, 3});
  std::printf("| %-6s | %7.1f | %7.2f | %7.2f-%.2f | %5.0f | %7.2f | %8.0f | %.1e%s |\n",
              shape.name.c_str(), flops * 1e-9, timing.median_us, timing.fastest_us,
              timing.slowest_us, flops / timing.median_us * 1e-6, timing.sustained_us,
              portable.median_us, relative, relative < 6e-3 ? "" : " WRONG");
  std::fflush(stdout);
}

constexpr int64_t kCopyBlockBytes = 64 << 10;

void bench_copies() {
  constexpr int kPoolBlocks = 131072;
  constexpr int kCopies = 4096;
  constexpr int kSets = 4;
  DeviceArray<char> pool(kPoolBlocks * kCopyBlockBytes);
  fill_random_kernel<<<4096, 256>>>(reinterpret_cast<__nv_bfloat16*>(pool.get()),
                                    kPoolBlocks * kCopyBlockBytes / 2, 1);
  std::vector<int32_t> ids(kPoolBlocks);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(9));
  std::vector<pagoda::BlockCopy> copies;
  for (int i = 0; i < kSets * kCopies; ++i) {
    copies.push_back({ids[2 * i], ids[2 * i + 1]});
  }
  const DeviceArray<pagoda::BlockCopy> copies_device(copies);
  pagoda::CopyBlocksParams params{};
  params.source_pool = pool.get();
  params.target_pool = pool.get();
  params.block_bytes = kCopyBlockBytes;
  params.num_copies = kCopies;
  const Timing timing = time_replays(
      [&](int i, cudaStream_t stream) {
        params.copies = copies_device.get() + i % kSets * kCopies;
        check(pagoda::launch_copy_blocks(params, stream), "copy");
      },
      {2 * kSets, 60});
  // Where a pool lies decides both (native/NOTES.md), so one pool is asked for both.
  constexpr int64_t kCopied = kCopies * kCopyBlockBytes;
  const Timing contiguous = time_replays(
      [&](int i, cudaStream_t stream) {
        check(cudaMemcpyAsync(pool.get() + (i % 2) * 2 * kCopied,
                              pool.get() + ((i % 2) * 2 + 1) * kCopied, kCopied,
                              cudaMemcpyDeviceToDevice, stream),
              "copy");
      },
      {2 * kSets, 60});
  std::printf(
      "copy of 4096 blocks of 64 KiB: %.1f us (%.1f-%.1f), %.0f GB/s read and written; one "
      "contiguous copy in the same pool: %.1f us\n",
      timing.median_us, timing.fastest_us, timing.slowest_us,
      2.0 * kCopied / timing.median_us * 1e-3, contiguous.median_us);
}

void bench_swaps() {
  constexpr int kCopies = 1024;
  constexpr int kPoolBlocks = 65536;
  DeviceArray<char> pool(kPoolBlocks * kCopyBlockBytes);
  fill_random_kernel<<<4096, 256>>>(reinterpret_cast<__nv_bfloat16*>(pool.get()),
                                    kPoolBlocks * kCopyBlockBytes / 2, 1);
  char* host = nullptr;
  check(cudaHostAlloc(&host, 2 * kCopies * kCopyBlockBytes, cudaHostAllocMapped), "host");
  std::memset(host, 1, 2 * kCopies * kCopyBlockBytes);
  std::vector<int32_t> ids(kPoolBlocks);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(11));
  std::vector<int32_t> places(2 * kCopies);
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), std::mt19937(13));
  std::vector<pagoda::BlockCopy> out;
  std::vector<pagoda::BlockCopy> in;
  for (int i = 0; i < kCopies; ++i) {
    out.push_back({ids[i], places[i]});
    in.push_back({places[i], ids[i]});
  }
  const DeviceArray<pagoda::BlockCopy> out_device(out);
  const DeviceArray<pagoda::BlockCopy> in_device(in);
  const double bytes = static_cast<double>(kCopies * kCopyBlockBytes);
  for (const bool is_out : {true, false}) {
    pagoda::CopyBlocksParams params{};
    params.source_pool = is_out ? pool.get() : host;
    params.target_pool = is_out ? host : pool.get();
    params.copies = is_out ? out_device.get() : in_device.get();
    params.block_bytes = kCopyBlockBytes;
    params.num_copies = kCopies;
    const Timing timing = time_replays(
        [&](int, cudaStream_t stream) {
          check(pagoda::launch_swap_blocks(params, stream), "swap");
        },
        {1, 60});
    const Timing contiguous = time_replays(
        [&](int, cudaStream_t stream) {
          check(cudaMemcpyAsync(is_out ? host : pool.get(), is_out ? pool.get() : host,
                                kCopies * kCopyBlockBytes, cudaMemcpyDefault, stream),
                "copy");
        },
        {1, 60});
    std::printf("swap %s of 1024 blocks of 64 KiB: %.0f us, %.1f GB/s; one contiguous copy: %.1f\n",
                is_out ? "out" : "in", timing.median_us, bytes / timing.median_us * 1e-3,
                bytes / contiguous.median_us * 1e-3);
  }
  check(cudaFreeHost(host), "host");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: native_bench shapes.csv [name=value ...]\n");
    return 2;
  }
  Options options;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      std::fprintf(stderr, "options are name=value: %s\n", argv[i]);
      return 2;
    }
    options[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "device");
  int driver = 0;
  int runtime = 0;
  check(cudaDriverGetVersion(&driver), "driver");
  check(cudaRuntimeGetVersion(&runtime), "runtime");
  std::printf("%s, driver CUDA %d, runtime CUDA %d\n", properties.name, driver, runtime);
  const pagoda::LaunchDevice device = this_device();
  const std::string only = options.count("only") ? options["only"] : "";
  measure_ceilings(device);
  const pagoda::DecodeTuning tuning{option(options, "ctas", 0), option(options, "slots", 0),
                                    option(options, "least", 0)};
  const auto is_wanted = [&](const Shape& shape) {
    return only.empty() || ("," + only + ",").find("," + shape.name + ",") != std::string::npos;
  };
  const std::vector<Shape> shapes = read_shapes(argv[1]);
  std::printf(
      "| decode |   KV MB  |   us    |  from-to us     |  GB/s | %% of read | sustained us "
      "| difference |\n|---|---|---|---|---|---|---|---|\n");
  for (const Shape& shape : shapes) {
    if (shape.name[0] == 'D' && is_wanted(shape)) {
      bench_decode(shape, tuning, device, options);
    }
  }
  std::printf(
      "| prefill |  GFLOP  |   us    |  from-to us     | TFLOP/s | sustained us "
      "| portable us | difference |\n|---|---|---|---|---|---|---|---|\n");
  for (const Shape& shape : shapes) {
    if (shape.name[0] == 'P' && is_wanted(shape)) {
      bench_prefill(shape, device, options);
    }
  }
  if (only.empty() || only.find("copies") != std::string::npos) {
    bench_copies();
  }
  if (only.empty() || only.find("swaps") != std::string::npos) {
    bench_swaps();
  }
  return 0;
}
