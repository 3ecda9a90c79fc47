// SPDX-License-Identifier: MIT
// Frames become columns: a transposition, with the window multiplied in.

// Prefetches memory, a few cache lines at each of so many steps: requests that come all at once
// wait for each other. The lines go to the second-level cache, since the block fills the first.
class Ahead {
 public:
  Ahead(const void* begin, std::size_t bytes, std::size_t steps)
      : line_(static_cast<const char*>(begin)),
        end_(line_ + bytes),
        stride_((bytes / kAlignment / steps + 1) * kAlignment) {}
  MELPIX_INLINE void step() {
#if defined(__GNUC__)
    if (line_ >= end_) return;
    for (std::size_t i = 0; i < stride_; i += kAlignment) __builtin_prefetch(line_ + i, 0, 2);
    line_ += stride_;
#endif
  }

 private:
  const char* line_;
  const char* end_;
  std::size_t stride_;
};

// Sample n of a frame goes to row n / R of sub-sequence n mod R: see fft.inl. R is a constant where
// that is faster; where R is 0, `split` has the number. The window is 0 from `filled` on.
template <class T, std::size_t R>
void load_split(const T* samples, std::ptrdiff_t stride, const T* window, std::size_t filled,
                std::size_t split, std::size_t sub_stride, T* block, T* energy,
                [[maybe_unused]] Ahead ahead) {
  Row<T>* out = rows(block);
  // Several sums, since one alone would wait for each addition.
  Row<T> sums[4];
  unrolled<4>([&](auto i) { sums[i] = broadcast<T>(0); });
  std::size_t n = 0, row = 0;
  if constexpr (R != 0) {
    // Whole chunks and whole rows at once: nothing is decided in the loop.
    constexpr std::size_t kStep = std::lcm(R, std::size_t{kChunk<T>});
    split = R;
    for (; n + kStep <= filled; n += kStep, row += kStep / R) {
      ahead.step();
      unrolled<kStep / kChunk<T>>([&](auto c) {
        Row<T> chunk[kChunk<T>];
        load_chunk<T>(samples + n + c * kChunk<T>, stride, chunk);
        unrolled<kChunk<T>>([&](auto i) {
          constexpr std::size_t r = c * kChunk<T> + i;
          const Row<T> x = chunk[i] * window[n + r];
          out[r % R * sub_stride + row + r / R] = x;
          sums[r % 4] += x * x;
        });
      });
    }
  }
  std::size_t sub = 0;
  const auto put = [&](Row<T> x, Row<T>& sum) {
    x = x * window[n++];
    out[sub * sub_stride + row] = x;
    sum += x * x;
    if (++sub == split) {
      sub = 0;
      ++row;
    }
  };
  while (n + kChunk<T> <= filled) {
    ahead.step();
    Row<T> chunk[kChunk<T>];
    load_chunk<T>(samples + n, stride, chunk);
    unrolled<kChunk<T>>([&](auto i) { put(chunk[i], sums[i]); });
  }
  while (n < filled) {
    Row<T> x;
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
      x[lane] =
          samples[static_cast<std::ptrdiff_t>(lane) * stride + static_cast<std::ptrdiff_t>(n)];
    put(x, sums[0]);
  }
  *rows(energy) = (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// The same for a chain, with the transforms of four samples that it starts from: see chain.inl.
// Where a frame starts one or two quarters of a frame after the one before, the two share samples:
// those in a later quarter of a frame are in an earlier quarter of its neighbour. They are taken
// from the neighbour's lane instead of being loaded again. kHop is the number of quarters between
// two frames; 4 stands for any other distance, and everything is loaded.
template <class T, std::size_t R, std::size_t kHop>
void load_quarters(const T* samples, std::ptrdiff_t stride, const T* window, std::size_t count,
                   std::size_t n_fft, const Chain<T>& chain, std::size_t sub_stride, T* block,
                   T* energy, [[maybe_unused]] Ahead ahead) {
  const std::size_t quarter = n_fft / 4;
  const std::size_t* place = chain.places();
  Row<T> sums[4];
  unrolled<4>([&](auto t) { sums[t] = broadcast<T>(0); });
  for (std::size_t n = 0; n < quarter; n += R) {
    ahead.step();
    Row<T>* out = rows(block) + *place++;
    unrolled<R / kChunk<T>>([&](auto c) {
      Row<T> x[4][kChunk<T>];
      const auto first_of = [&](std::size_t t) { return n + c * kChunk<T> + t * quarter; };
      const auto filled = [&](std::size_t t) { return kHop < 4 || first_of(t) < count; };
      unrolled<4>([&](auto t) {
        const std::size_t first = first_of(t);
        if (filled(t)) {
          if constexpr (t < kHop) {
            load_chunk<T>(samples + first, stride, x[t]);
          } else {
            const T* last = samples + std::ptrdiff_t{kLanes<T> - 1} * stride + first;
            unrolled<kChunk<T>>([&](auto i) { x[t][i] = moved_up<T>(x[t - kHop][i], last[i]); });
          }
        } else {
          unrolled<kChunk<T>>([&](auto i) { x[t][i] = broadcast<T>(0); });
        }
      });
      unrolled<4>([&](auto t) {
        if (!filled(t)) return;
        unrolled<kChunk<T>>([&](auto i) {
          x[t][i] = x[t][i] * window[first_of(t) + i];
          sums[t] += x[t][i] * x[t][i];
        });
      });
      unrolled<kChunk<T>>([&](auto i) {
        Row<T>* four = out + (c * kChunk<T> + i) * sub_stride;
        const Row<T> even = x[0][i] + x[2][i], odd = x[1][i] + x[3][i];
        four[0] = even + odd;
        four[1] = x[0][i] - x[2][i];
        four[2] = x[3][i] - x[1][i];
        four[3] = even - odd;
      });
    });
  }
  *rows(energy) = (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Subtracts in double and rounds the difference. A mean that is rounded to float first would add
// the same error to all samples, and that stands out from noise far below the mean.
template <class T>
double prepare(const T* x, std::size_t count, bool remove_dc, double preemphasis, T* out) {
  // Several sums side by side, which vectorise.
  double sums[kLanes<T>] = {}, squares[kLanes<T>] = {};
  const auto add = [&](std::size_t i, std::size_t j) {
    const double value = static_cast<double>(x[i]);
    sums[j] += value;
    squares[j] += value * value;
  };
  std::size_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>)
    for (std::size_t j = 0; j < kLanes<T>; ++j) add(i + j, j);
  for (std::size_t j = 0; i < count; ++i, ++j) add(i, j);
  double sum = 0, energy = 0;
  for (std::size_t j = 0; j < kLanes<T>; ++j) {
    sum += sums[j];
    energy += squares[j];
  }
  const double mean = remove_dc ? sum / static_cast<double>(count) : 0;
  const auto centred = [x, mean](std::size_t at) { return static_cast<double>(x[at]) - mean; };
  out[0] = static_cast<T>(centred(0) - preemphasis * centred(0));
  for (i = 1; i < count; ++i) out[i] = static_cast<T>(centred(i) - preemphasis * centred(i - 1));
  return energy;
}

template <class T>
void load(const void* plan, const T* samples, std::ptrdiff_t stride, const T* window,
          std::size_t count, std::size_t n_fft, T* block, T* energy, const void* next,
          std::size_t ahead) {
  const RealFft<T>& fft = real_fft<T>(plan);
  const std::size_t split = fft.split();
  if (const Chain<T>* chain = fft.chain()) {
    const auto load_as = [&](auto R) {
      const std::size_t hop = count < n_fft || stride <= 0 ? 0 : static_cast<std::size_t>(stride);
      if (hop == n_fft / 4) return load_quarters<T, R, 1>;
      if (hop == n_fft / 2) return load_quarters<T, R, 2>;
      return load_quarters<T, R, 4>;
    };
    constexpr std::integral_constant<std::size_t, 4> four{};
    constexpr std::integral_constant<std::size_t, 8> eight{};
    return (split == 4 ? load_as(four) : load_as(eight))(samples, stride, window, count, n_fft,
                                                         *chain, fft.stride(), block, energy,
                                                         Ahead(next, ahead, n_fft / 4 / split));
  }
  const std::size_t first = (count + split - 1) / split;
  const auto load_as = [split] {
    switch (split) {
      case 1:
        return load_split<T, 1>;
      case 2:
        return load_split<T, 2>;
      case 4:
        return load_split<T, 4>;
      case 8:
        return load_split<T, 8>;
      case 16:
        return load_split<T, 16>;
      default:
        return load_split<T, 0>;
    }
  }();
  load_as(samples, stride, window, first * split, split, fft.stride(), block, energy,
          Ahead(next, ahead, n_fft / std::lcm(split, std::size_t{kChunk<T>}) + 1));
  for (std::size_t sub = 0; sub < split; ++sub)
    std::fill(rows(block) + sub * fft.stride() + first,
              rows(block) + sub * fft.stride() + n_fft / split, broadcast<T>(0));
}
