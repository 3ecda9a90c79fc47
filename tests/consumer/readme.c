/* SPDX-License-Identifier: MIT */
#include <melpix/c_api.h>
#include <stdio.h>

int main(void) {
  static int16_t y[2 * 16000]; /* a second of stereo, interleaved: clicks on the left */
  for (int i = 0; i < 2 * 16000; i += 3200) y[i] = 30000;
  const melpix_signal signal = {y, 16000, 2, 0, 0, MELPIX_INT16};

  static uint8_t image[80 * 100];
  size_t rows, columns;
  melpix_frontend* frontend = NULL; /* immutable: share it between threads */
  if (melpix_frontend_create("sr=16000 n_mels=80", &frontend) != MELPIX_OK ||
      melpix_frames(frontend, signal.length, &rows, &columns) != MELPIX_OK ||
      melpix_image8(frontend, &signal, image, sizeof image, 0, 0, NULL) != MELPIX_OK) {
    fprintf(stderr, "melpix: %s\n", melpix_error());
    return 1;
  }
  printf("%zu x %zu pixels, with melpix %s\n", rows, columns, melpix_version());
  melpix_frontend_destroy(frontend);
  return 0;
}
