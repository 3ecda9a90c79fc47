// SPDX-License-Identifier: MIT
// One front-end serves many threads at once, its own and its callers', each with the same result.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#if defined(__GLIBC__)
#include <pthread.h>
#endif

#include "base/parallel.h"
#include "check.h"
#include "melpix/melpix.h"
#include "signals.h"

namespace {

void test_many_callers() {
  const melpix::Frontend<float> f{melpix::Config()};
  const std::size_t n_threads = 8, n_lengths = 6;
  std::vector<std::vector<std::uint8_t>> expected;
  const auto y = noise<float>(n_lengths * 9000);
  const auto render = [&](std::size_t i) {
    const std::size_t length = (i + 1) * 9000, frames = f.frames(length);
    std::vector<std::uint8_t> out(frames * 128);
    f.image({y.data(), length}, out.data(), static_cast<std::ptrdiff_t>(frames));
    return out;
  };
  for (std::size_t i = 0; i < n_lengths; ++i) expected.push_back(render(i));

  std::vector<int> same(n_threads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < n_threads; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t k = 0; k < 30; ++k) {
        const std::size_t i = (t + k) % n_lengths;
        same[t] += render(i) == expected[i];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (int count : same) CHECK_EQUAL(count, 30);
}

// Streams of one front-end, each in a thread of its own that cuts the signal in its own way.
void test_streams_share_a_front_end() {
  const melpix::Frontend<float> f{melpix::Config()};
  const auto y = noise<float>(60000);
  const std::size_t n_threads = 8, frames = f.frames(y.size());
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  std::vector<float> expected(frames * 128);
  f.features({y.data(), y.size()}, expected.data(), stride);

  std::vector<int> same(n_threads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < n_threads; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t k = 0; k < 5; ++k) {
        melpix::Stream<float> stream(f);
        std::vector<float> out(frames * 128);
        const std::size_t piece = 100 + 777 * ((t + k) % n_threads);
        std::size_t column = 0;
        for (std::size_t at = 0; at < y.size(); at += piece)
          column += stream.push({y.data() + at, std::min(piece, y.size() - at)},
                                out.data() + column, stride);
        column += stream.flush(out.data() + column, stride);
        same[t] += column == frames && out == expected;
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (int count : same) CHECK_EQUAL(count, 5);
}

std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

void test_each_piece_is_done_once() {
  for (std::size_t threads : {1u, 2u, 7u, 50u})
    for (std::size_t count : {0u, 1u, 2u, 40u}) {
      std::vector<std::size_t> order = in_order(count);
      std::reverse(order.begin(), order.end());
      std::vector<std::atomic<int>> done(count);
      std::atomic<std::size_t> working{0}, most{0};
      std::vector<std::size_t> seen;
      std::mutex mutex;
      std::size_t failed = 99;
      const auto work = [&](std::size_t i) {
        const std::size_t now = ++working;
        {
          const std::lock_guard<std::mutex> lock(mutex);
          most = std::max(most.load(), now);
          seen.push_back(i);
        }
        ++done[i];
        --working;
      };
      melpix::run_parallel(order, threads, work, &failed);
      CHECK(std::all_of(done.begin(), done.end(), [](int n) { return n == 1; }));
      CHECK(most <= threads);
      CHECK(threads > 1 || seen == order);
      CHECK_EQUAL(failed, 99u);
    }
}

// Two pieces wait for each other: they can only end if two threads have them, one of which is the
// caller's.
void test_pieces_are_done_at_the_same_time() {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::thread::id> here;
  const auto meet = [&](std::size_t) {
    std::unique_lock<std::mutex> lock(mutex);
    here.push_back(std::this_thread::get_id());
    changed.notify_all();
    CHECK(changed.wait_for(lock, std::chrono::minutes(1), [&] { return here.size() == 2; }));
  };
  std::size_t failed = 0;
  melpix::run_parallel(in_order(2), 2, meet, &failed);
  CHECK(here.size() == 2 && here[0] != here[1]);
  CHECK(std::find(here.begin(), here.end(), std::this_thread::get_id()) != here.end());
}

void test_the_first_failure_is_thrown() {
  for (std::size_t threads : {1u, 2u, 5u})
    for (bool backwards : {false, true})
      for (int repetition = 0; repetition < 20; ++repetition) {
        std::vector<std::size_t> order = in_order(60);
        if (backwards) std::reverse(order.begin(), order.end());
        std::vector<std::atomic<int>> done(60);
        std::size_t failed = 0;
        const auto work = [&](std::size_t i) {
          ++done[i];
          if (i == 11 || i == 12 || i == 50) throw std::out_of_range(std::to_string(i));
        };
        CHECK_THROWS(std::out_of_range, "11", melpix::run_parallel(order, threads, work, &failed));
        CHECK_EQUAL(failed, 11u);
        for (std::size_t i = 0; i <= 11; ++i) CHECK_EQUAL(done[i].load(), 1);
        for (std::size_t i = 12; i < 60; ++i) CHECK(done[i] <= 1);
        if (!backwards && threads == 1) CHECK_EQUAL(done[12].load(), 0);
      }
}

// A batch of signals of all lengths, and room for their images with a margin around each row.
template <class T>
struct Batch {
  explicit Batch(const melpix::Frontend<T>& front) : f(front), y(noise<float>(30000)) {
    for (std::size_t length : {700u, 30000u, 1u, 9000u, 29999u, 0u, 700u, 12345u, 4096u}) {
      const std::size_t stride = f.frames(length) + 3;
      images.emplace_back(stride * f.config().mel.n_mels, std::uint8_t{77});
      tasks.push_back({{y.data(), length}, images.back().data(), std::ptrdiff_t(stride), 1, {}});
    }
  }
  const melpix::Frontend<T>& f;
  std::vector<float> y;
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<typename melpix::Frontend<T>::template Task<std::uint8_t>> tasks;
};

template <class T>
void test_images() {
  melpix::Config c;
  c.mel.n_fft = 256;
  c.hop_length = 100;
  c.mel.n_mels = 20;
  const melpix::Frontend<T> f(c);
  typename melpix::Frontend<T>::template Task<std::uint8_t>* const none = nullptr;
  Batch<T> expected(f);
  for (auto& task : expected.tasks) task.seen = f.image(task.y, task.out, task.row_stride);
  for (std::size_t threads : {1u, 2u, 3u, 8u, 1024u}) {
    Batch<T> batch(f);
    f.images(batch.tasks.data(), batch.tasks.size(), threads);
    CHECK(batch.images == expected.images);
    for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
      CHECK_EQUAL(batch.tasks[i].seen.min, expected.tasks[i].seen.min);
      CHECK_EQUAL(batch.tasks[i].seen.max, expected.tasks[i].seen.max);
      CHECK_EQUAL(batch.tasks[i].seen.peak, expected.tasks[i].seen.peak);
    }
    f.images(none, 0, threads);

    // Of two bad signals the later one is longer, so it comes first.
    std::vector<float> bad(20000, 0.5f);
    bad[5] = std::numeric_limits<float>::quiet_NaN();
    batch.tasks[7].y = {bad.data(), 12345};
    batch.tasks[3].y = {bad.data(), 9000};
    std::size_t failed = 0;
    CHECK_THROWS(std::domain_error, "sample 5 is nan",
                 f.images(batch.tasks.data(), batch.tasks.size(), threads, &failed));
    CHECK_EQUAL(failed, 3u);
    CHECK_THROWS(std::domain_error, "sample 5 is nan",
                 f.images(batch.tasks.data(), batch.tasks.size(), threads));
    const std::vector<double> loud(9000, 1e200);
    batch.tasks[3].y = {loud.data(), 9000};
    CHECK_THROWS(std::overflow_error, "too large",
                 f.images(batch.tasks.data(), batch.tasks.size(), threads, &failed));
    CHECK_EQUAL(failed, 3u);
  }
  for (std::size_t threads : {std::size_t{0}, std::size_t{1025}, ~std::size_t{0}})
    CHECK_THROWS(std::invalid_argument, "threads must be in 1 ... 1024, got",
                 f.images(none, 0, threads));
}

#if defined(__GLIBC__)
// Where the system refuses more threads, here because their stacks would be too large, the calling
// one does it all.
void test_no_threads_to_be_had() {
  pthread_attr_t usual, huge;
  pthread_getattr_default_np(&usual);
  pthread_getattr_default_np(&huge);
  pthread_attr_setstacksize(&huge, std::size_t{1} << 60);
  CHECK_EQUAL(pthread_setattr_default_np(&huge), 0);
  CHECK_THROWS(std::exception, "", std::thread([] {}).join());
  std::vector<std::thread::id> workers;
  std::size_t failed = 0;
  const auto work = [&](std::size_t) { workers.push_back(std::this_thread::get_id()); };
  melpix::run_parallel(in_order(9), 4, work, &failed);
  pthread_setattr_default_np(&usual);
  CHECK_EQUAL(workers.size(), 9u);
  for (std::thread::id id : workers) CHECK(id == std::this_thread::get_id());
}
#endif

}  // namespace

int main() {
  test_many_callers();
  test_streams_share_a_front_end();
  test_each_piece_is_done_once();
  test_pieces_are_done_at_the_same_time();
  test_the_first_failure_is_thrown();
  test_images<float>();
  test_images<double>();
#if defined(__GLIBC__)
  test_no_threads_to_be_had();
#endif
  return failures();
}
