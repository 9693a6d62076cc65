// Block copies and swaps: targets equal their sources to the byte, and nothing else changes.

#include <algorithm>
#include <numeric>
#include <string>

#include "kernel_fixture.h"

namespace {

using namespace fixture;

std::vector<char> random_bytes(size_t num_bytes, Random* random) {
  std::vector<char> bytes(num_bytes);
  for (size_t i = 0; i + 8 <= num_bytes; i += 8) {
    const uint64_t bits = random->bits();
    std::memcpy(&bytes[i], &bits, 8);
  }
  return bytes;
}

std::vector<int> shuffled(int count, Random* random) {
  std::vector<int> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  for (int i = count; i > 1; --i) {
    std::swap(ids[i - 1], ids[random->below(i)]);
  }
  return ids;
}

struct CopyCase {
  int64_t block_bytes;
  int num_blocks;
  int num_copies;
};

void copies_whole_blocks(const CopyCase& what, uint64_t seed) {
  Random random(seed);
  std::vector<char> expected = random_bytes(what.block_bytes * what.num_blocks, &random);
  DeviceBytes pool(expected.size());
  write_all(pool, expected);
  // The first half are sources, some of them twice; the second half are targets.
  const std::vector<int> ids = shuffled(what.num_blocks, &random);
  std::vector<pagoda_block_copy> copies;
  for (int i = 0; i < what.num_copies; ++i) {
    copies.push_back({ids[random.below(what.num_blocks / 2)], ids[what.num_blocks / 2 + i]});
  }
  DeviceBytes copies_device(copies.size() * sizeof(pagoda_block_copy) + 8);
  write_all(copies_device, copies);
  for (const pagoda_block_copy& copy : copies) {
    std::copy_n(&expected[copy.source_block * what.block_bytes], what.block_bytes,
                &expected[copy.target_block * what.block_bytes]);
  }
  const pagoda_copy_blocks_params params{pool.address(), copies_device.address(), what.block_bytes,
                                         what.num_copies};
  pagoda_error error{};
  check(pagoda_copy_blocks(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "copy_blocks");
  const bool is_equal = pool.read() == expected;
  std::printf("%d copies of %lld bytes: %s\n", what.num_copies,
              static_cast<long long>(what.block_bytes), is_equal ? "equal" : "DIFFERENT");
  CLAIM(is_equal);
}

void swaps_out_and_in_again(const CopyCase& what, uint64_t seed) {
  Random random(seed);
  const std::vector<char> original = random_bytes(what.block_bytes * what.num_blocks, &random);
  DeviceBytes pool(original.size());
  write_all(pool, original);
  char* host = nullptr;
  check(cudaHostAlloc(&host, what.block_bytes * what.num_copies, cudaHostAllocMapped),
        "cudaHostAlloc");
  std::memset(host, 0xff, what.block_bytes * what.num_copies);

  const std::vector<int> ids = shuffled(what.num_blocks, &random);
  const std::vector<int> places = shuffled(what.num_copies, &random);
  std::vector<pagoda_block_copy> out;
  std::vector<pagoda_block_copy> in;
  for (int i = 0; i < what.num_copies; ++i) {
    out.push_back({ids[i], places[i]});
    in.push_back({places[i], ids[i]});
  }
  DeviceBytes out_device(out.size() * sizeof(pagoda_block_copy));
  DeviceBytes in_device(in.size() * sizeof(pagoda_block_copy));
  write_all(out_device, out);
  write_all(in_device, in);
  pagoda_error error{};
  const pagoda_swap_blocks_params swap_out{pool.address(), reinterpret_cast<uint64_t>(host),
                                           out_device.address(), what.block_bytes, what.num_copies};
  check(pagoda_swap_blocks(&swap_out, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "swap out");
  bool is_equal = true;
  for (const pagoda_block_copy& copy : out) {
    is_equal &= std::memcmp(&original[copy.source_block * what.block_bytes],
                            host + copy.target_block * what.block_bytes, what.block_bytes) == 0;
  }
  CLAIM(is_equal);
  pool.poison();
  const pagoda_swap_blocks_params swap_in{reinterpret_cast<uint64_t>(host), pool.address(),
                                          in_device.address(), what.block_bytes, what.num_copies};
  check(pagoda_swap_blocks(&swap_in, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "swap in");
  std::vector<char> expected(original.size(), static_cast<char>(0xff));
  for (const pagoda_block_copy& copy : in) {
    std::copy_n(&original[copy.target_block * what.block_bytes], what.block_bytes,
                &expected[copy.target_block * what.block_bytes]);
  }
  is_equal = pool.read() == expected;
  std::printf("%d swaps of %lld bytes: %s\n", what.num_copies,
              static_cast<long long>(what.block_bytes), is_equal ? "equal" : "DIFFERENT");
  CLAIM(is_equal);
  check(cudaFreeHost(host), "cudaFreeHost");
}

void copies_beyond_four_gibibytes() {
  constexpr int64_t kBlockBytes = 1 << 20;
  constexpr int kNumBlocks = 5000;
  DeviceBytes pool(kBlockBytes * kNumBlocks);
  Random random(5);
  const std::vector<char> block = random_bytes(kBlockBytes, &random);
  pool.write(block.data(), block.size(), int64_t{4097} * kBlockBytes);
  DeviceBytes copies(2 * sizeof(pagoda_block_copy));
  write_all(copies, std::vector<pagoda_block_copy>{{4097, 2048}, {4097, 4999}});
  const pagoda_copy_blocks_params params{pool.address(), copies.address(), kBlockBytes, 2};
  pagoda_error error{};
  check(pagoda_copy_blocks(&params, nullptr, &error), error);
  for (const int64_t target : {2048, 4999}) {
    std::vector<char> read(kBlockBytes);
    check(cudaMemcpy(read.data(),
                     reinterpret_cast<const char*>(pool.address()) + target * kBlockBytes,
                     kBlockBytes, cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    CLAIM(read == block);
  }
  char* host = nullptr;
  check(cudaHostAlloc(&host, kBlockBytes, cudaHostAllocMapped), "cudaHostAlloc");
  DeviceBytes swaps(2 * sizeof(pagoda_block_copy));
  write_all(swaps, std::vector<pagoda_block_copy>{{4999, 0}, {0, 4096}});
  const pagoda_swap_blocks_params out{pool.address(), reinterpret_cast<uint64_t>(host),
                                      swaps.address(), kBlockBytes, 1};
  check(pagoda_swap_blocks(&out, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "swap out");
  CLAIM(std::memcmp(host, block.data(), kBlockBytes) == 0);
  const pagoda_swap_blocks_params in{reinterpret_cast<uint64_t>(host), pool.address(),
                                     swaps.address() + sizeof(pagoda_block_copy), kBlockBytes, 1};
  check(pagoda_swap_blocks(&in, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "swap in");
  std::vector<char> read(kBlockBytes);
  check(cudaMemcpy(read.data(),
                   reinterpret_cast<const char*>(pool.address()) + int64_t{4096} * kBlockBytes,
                   kBlockBytes, cudaMemcpyDeviceToHost),
        "cudaMemcpy");
  CLAIM(read == block);
  check(cudaFreeHost(host), "cudaFreeHost");
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  const bool is_short = argc > 1 && std::strcmp(argv[1], "short") == 0;
  for (const CopyCase& what : {CopyCase{16, 9, 4}, CopyCase{4096, 64, 31}, CopyCase{65536, 40, 20},
                               CopyCase{65552, 40, 17}, CopyCase{1 << 20, 8, 3}}) {
    copies_whole_blocks(what, 11);
    swaps_out_and_in_again(what, 12);
  }
  if (!is_short) {
    copies_beyond_four_gibibytes();
  }
  return num_false_claims == 0 ? 0 : 1;
}
