/* SPDX-License-Identifier: MIT */
/* The C API from C99: what the README leaves out, and what a program relies on. */
#include <math.h>
#include <melpix/c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 22050, BANDS = 64 };

static int failures = 0;

static void check(int good, const char* what) {
  if (good) return;
  ++failures;
  fprintf(stderr, "%s (%s)\n", what, melpix_error());
}

/* The loudest band of a frame, where frames are rows. */
static int loudest(const float* frame) {
  int best = 0;
  for (int band = 1; band < BANDS; ++band)
    if (frame[band] > frame[best]) best = band;
  return best;
}

/* Tenths of a second, as from a microphone: the image's columns, one behind the other. */
static void check_stream(const melpix_frontend* frontend, const double* y, const uint16_t* image,
                         size_t columns) {
  uint16_t* out = malloc(columns * BANDS * sizeof *out);
  melpix_stream* stream = NULL;
  check(melpix_stream_create(frontend, MELPIX_UINT16, &stream) == MELPIX_OK, "a stream");
  size_t done = 0, count = 0;
  for (size_t n = 0; out != NULL && n < SAMPLES; n += SAMPLES / 10, done += count) {
    const melpix_signal chunk = {y + n, SAMPLES / 10, 1, 0, 0, MELPIX_FLOAT64};
    check(melpix_stream_push(stream, &chunk, out + done * BANDS, (columns - done) * BANDS,
                             &count) == MELPIX_OK,
          "a push");
  }
  check(melpix_stream_flush(stream, out + done * BANDS, (columns - done) * BANDS, &count) ==
            MELPIX_OK,
        "a flush");
  check(done + count == columns, "as many columns as the whole signal has");
  int same = 1;
  for (size_t i = 0; out != NULL && i < columns * BANDS; ++i)
    same = same && out[i] == image[i % BANDS * columns + i / BANDS];
  check(same, "the very pixels");
  melpix_stream_destroy(stream);
  free(out);
}

int main(void) {
  check(strcmp(melpix_version(), MELPIX_VERSION) == 0, "header and library differ");

  /* One second of a tone that rises from 200 to 4200 Hz. */
  double* y = malloc(SAMPLES * sizeof *y);
  if (y == NULL) return 1;
  for (int n = 0; n < SAMPLES; ++n) {
    const double t = n / (double)SAMPLES;
    y[n] = 0.5 * sin(2 * 3.141592653589793 * (200 + 2000 * t) * t);
  }
  const melpix_signal signal = {y, SAMPLES, 1, 0, 0, MELPIX_FLOAT64};

  melpix_frontend* frontend = NULL;
  check(melpix_frontend_create("n_mels=sixty-four", &frontend) == MELPIX_INVALID_ARGUMENT,
        "a word is no number");
  check(frontend == NULL && strstr(melpix_error(), "n_mels") != NULL, "the message says which");
  check(melpix_frontend_create("n_mels=64 hop_length=256 compress=db range=-60,40 flip=false",
                               &frontend) == MELPIX_OK,
        "a front-end");

  size_t rows = 0, columns = 0;
  check(melpix_frames(frontend, SAMPLES, &rows, &columns) == MELPIX_OK, "its size");
  check(rows == BANDS && columns == 1 + SAMPLES / 256, "as documented");

  float* frames = malloc(rows * columns * sizeof *frames);
  uint16_t* image = malloc(rows * columns * sizeof *image);
  if (frames == NULL || image == NULL) return 1;
  melpix_summary seen = {0, 0, 0};
  check(melpix_features32(frontend, &signal, frames, rows * columns, 1, rows, &seen) == MELPIX_OK,
        "features, frames as rows");
  check(seen.min < seen.max && seen.peak > 0.499 && seen.peak <= 0.5, "what was seen");
  check(loudest(frames + 10 * rows) < loudest(frames + 40 * rows) &&
            loudest(frames + 40 * rows) < loudest(frames + 75 * rows),
        "the tone rises");
  check(melpix_image16(frontend, &signal, image, rows * columns, 0, 0, NULL) == MELPIX_OK,
        "pixels");
  const int band = loudest(frames + 40 * rows);
  check(image[(size_t)band * columns + 40] < image[columns - 1], "black is energy");

  check_stream(frontend, y, image, columns);

  check(melpix_image16(frontend, &signal, image, rows * columns - 1, 0, 0, NULL) ==
            MELPIX_INVALID_ARGUMENT,
        "a buffer that is too small");
  y[7] = NAN;
  check(melpix_image16(frontend, &signal, image, rows * columns, 0, 0, NULL) == MELPIX_NON_FINITE,
        "a sample that is no number");
  check(strstr(melpix_error(), "sample 7") != NULL, "the message says which sample");

  melpix_frontend_destroy(frontend);
  free(image);
  free(frames);
  free(y);
  printf("melpix %s in C: %d failures\n", melpix_version(), failures);
  return failures != 0;
}
