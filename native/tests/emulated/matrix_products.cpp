// Products of matrices, which a warpgroup queues in batches and waits for.

#include <utility>

#include "machine_state.h"

namespace emulated {

namespace {

void compute_batches_before(uint32_t end_batch) {
  std::deque<Product>& products = machine.current->products;
  while (!products.empty() && products.front().batch < end_batch) {
    const Product product = std::move(products.front());
    products.pop_front();
    product.compute();
  }
}

}  // namespace

void queue_product(std::function<void()> product) {
  Thread* thread = machine.current;
  thread->products.push_back({thread->num_product_batches, std::move(product)});
}

void end_product_batch() {
  const uint32_t num_batches = ++machine.current->num_product_batches;
  // The seed's choice, and every lane's.
  if ((num_batches * 0x9e3779b9u ^ machine.product_salt) >> 16 & 1) {
    compute_batches_before(num_batches);
  }
}

void wait_for_products(uint32_t most_batches_pending) {
  const uint32_t num_batches = machine.current->num_product_batches;
  if (num_batches > most_batches_pending) {
    compute_batches_before(num_batches - most_batches_pending);
  }
  if (random_below(2) == 0) {
    yield();
  }
}

void end_products() {
  const size_t num_products = machine.current->products.size();
  machine.current->products.clear();
  machine.current->num_product_batches = 0;
  if (num_products > 0) {
    fail("the thread ends and has not waited for %zu products", num_products);
  }
}

}  // namespace emulated
