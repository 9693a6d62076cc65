// Step updates reach their words and no other; validation finds the first bad value, and only that.

#include <string>

#include "kernel_fixture.h"

namespace {

using namespace fixture;

void updates_its_words_and_no_other() {
  Random random(31);
  constexpr int kWords = 40000;
  std::vector<uint32_t> expected(kWords);
  for (uint32_t& word : expected) {
    word = static_cast<uint32_t>(random.bits());
  }
  DeviceBytes target(kWords * 4);
  write_all(target, expected);
  std::vector<pagoda_word_run> runs{{0, 0, 1}, {7, 0, 0}, {100, 0, 5000}, {39999, 0, 1}};
  for (int i = 0; i < 300; ++i) {
    runs.push_back({6000 + 40 * i, 0, 1 + random.below(30)});
  }
  std::vector<uint32_t> words;
  const auto first_word = static_cast<int32_t>(runs.size() * sizeof(pagoda_word_run) / 4);
  for (pagoda_word_run& run : runs) {
    run.source_word = first_word + static_cast<int32_t>(words.size());
    for (int i = 0; i < run.num_words; ++i) {
      words.push_back(static_cast<uint32_t>(random.bits()));
      expected[run.target_word + i] = words.back();
    }
  }
  const size_t run_bytes = runs.size() * sizeof(pagoda_word_run);
  const auto num_bytes = static_cast<int64_t>(run_bytes + words.size() * 4);
  PinnedBytes staged(num_bytes);
  std::memcpy(staged.as<char>(), runs.data(), run_bytes);
  std::memcpy(staged.as<char>() + run_bytes, words.data(), words.size() * 4);
  DeviceBytes delta(num_bytes);
  const pagoda_update_words_params params{staged.address(), delta.address(),
                                          target.address(), kWords,
                                          num_bytes,        static_cast<int64_t>(runs.size())};
  pagoda_error error{};
  check(pagoda_update_words(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "update_words");
  const std::vector<char> read = target.read();
  const bool is_equal = std::memcmp(read.data(), expected.data(), read.size()) == 0;
  std::printf("%zu runs, %zu words: %s\n", runs.size(), words.size(),
              is_equal ? "equal" : "DIFFERENT");
  CLAIM(is_equal);
}

void leaves_out_what_lies_outside() {
  DeviceBytes target(64);
  target.clear();
  PinnedBytes staged(64);
  const pagoda_word_run run{12, 4, 8};  // four of the eight words lie behind the 16 of the target
  std::memcpy(staged.as<char>(), &run, sizeof run);
  std::memset(staged.as<char>() + sizeof run, 0x11, 48);
  DeviceBytes delta(64);
  DeviceBytes behind(64);
  const std::vector<char> before = behind.read();
  const pagoda_update_words_params params{
      staged.address(), delta.address(), target.address(), 16, 48, 1};
  pagoda_error error{};
  check(pagoda_update_words(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "update_words");
  const std::vector<char> read = target.read();
  CLAIM(read[47] == 0 && read[48] == 0x11 && read[63] == 0x11);
  CLAIM(behind.read() == before);
}

/// A step of three sequences: 1 row of 17 tokens, 20 of 20, 3 of 40; blocks of 16, 8 in the pool.
struct Step {
  std::vector<int32_t> tables{3, 1, -9, 5, 0, -9, 7, 2, 6};
  std::vector<int32_t> lengths{17, 20, 40};
  std::vector<int32_t> cumulative{0, 1, 21, 24};
  std::vector<int64_t> slots;

  Step() {
    slots.push_back(1 * 16 + 0);
    for (int i = 0; i < 20; ++i) {
      slots.push_back(i < 16 ? 5 * 16 + i : 0 * 16 + i - 16);
    }
    for (int i = 37; i < 40; ++i) {
      slots.push_back(6 * 16 + i - 32);
    }
    slots.push_back(-1);  // padding
  }

  pagoda_status validate(pagoda_error* error) const {
    DeviceBytes device_tables(tables.size() * 4);
    DeviceBytes device_lengths(lengths.size() * 4);
    DeviceBytes device_cumulative(cumulative.size() * 4);
    DeviceBytes device_slots(slots.size() * 8);
    write_all(device_tables, tables);
    write_all(device_lengths, lengths);
    write_all(device_cumulative, cumulative);
    write_all(device_slots, slots);
    PinnedBytes report(32);
    const pagoda_validate_step_params params{device_tables.address(),
                                             device_lengths.address(),
                                             device_cumulative.address(),
                                             device_slots.address(),
                                             report.address(),
                                             3,
                                             3,
                                             static_cast<int32_t>(slots.size()),
                                             8,
                                             16};
    return pagoda_validate_step(&params, nullptr, error);
  }

  void is_refused_with(const char* words) const {
    pagoda_error error{};
    CLAIM(validate(&error) == PAGODA_STATUS_INVALID_ARGUMENT);
    CLAIM_CONTAINS(error.text, words);
  }
};

void finds_the_first_bad_value() {
  pagoda_error error{};
  check(Step().validate(&error), error);
  Step skipped;
  skipped.slots[5] = -1;
  check(skipped.validate(&error), error);

  Step step;
  step.cumulative[0] = 1;
  step.is_refused_with("cumulative_query_lengths[0]=1");
  step = Step();
  step.cumulative[1] = 22;
  step.is_refused_with("cumulative_query_lengths[2]=21");
  step = Step();
  step.cumulative[3] = 26;
  step.is_refused_with("cumulative_query_lengths[3]=26");
  step = Step();
  step.lengths[1] = 19;
  step.is_refused_with("context_lengths[1]=19");
  step = Step();
  step.lengths[2] = 49;
  step.is_refused_with("context_lengths[2]=49");
  step = Step();
  step.tables[6] = 8;
  step.tables[7] = -1;
  step.is_refused_with("block_tables[2][0]=8");
  step = Step();
  step.slots[22]++;
  step.slots[23] = 1000;
  step.is_refused_with("slot_mapping[22]=");
  step = Step();
  step.slots[0] = -2;
  step.is_refused_with("slot_mapping[0]=-2");
  std::printf("validation finds each kind of bad value\n");
}

}  // namespace

int main() {
  require_gpu();
  updates_its_words_and_no_other();
  leaves_out_what_lies_outside();
  finds_the_first_bad_value();
  return num_false_claims == 0 ? 0 : 1;
}
