/* SPDX-License-Identifier: MIT */
/* melpix in C99, and in every language that can call C: a front-end is planned once from a line of
   text, and then renders any number of signals into buffers of the caller's.

   - Every function that can fail returns a melpix_status, MELPIX_OK or what went wrong, and leaves
     a message for melpix_error(). Nothing throws, aborts, prints, or keeps a pointer it was given.
   - Null pointers, sizes, strides and alignment are checked before anything is read or written.
   What cannot be checked: that a handle has not been destroyed, and that buffers are as long as
   said.
   - A front-end does not change once it is created: any number of threads may render with one at
     the same time. Only melpix_frontend_destroy must come after the last of them.
   - No thread is started. Once a thread has rendered signals of some length, rendering more of
     them allocates nothing.
   - The structs below keep their layout, and new parameters are new words in the text of
     melpix_frontend_create: within a SOVERSION nothing has to be compiled anew. */
#ifndef MELPIX_C_API_H
#define MELPIX_C_API_H

#include <stddef.h>
#include <stdint.h>

#include "melpix/export.h"
#include "melpix/version.h" /* MELPIX_VERSION, of the header */

#ifdef __cplusplus
extern "C" {
#endif

/* An int32_t that holds one of the enumerators, so that its size is the same in every language. */
typedef int32_t melpix_status;
enum {
  MELPIX_OK = 0,
  MELPIX_INVALID_ARGUMENT = 1, /* a null pointer, a parameter, a size; a signal that is too short */
  MELPIX_NON_FINITE = 2,       /* a sample is NaN or infinite */
  MELPIX_OVERFLOW = 3,         /* a feature is not finite: the samples are far too large */
  MELPIX_TOO_LARGE = 4,        /* sizes do not fit the address space */
  MELPIX_OUT_OF_MEMORY = 5,
  MELPIX_INTERNAL = 6 /* a mistake of melpix's */
};

/* What went wrong in the last call that failed on this thread, in English, naming the parameter,
   its value and the allowed range; "" if none has failed. Never null; the caller must not free it;
   it holds until the next failure on this thread. A goroutine may change threads between two calls:
   lock it to one (runtime.LockOSThread) around a call and melpix_error(). */
MELPIX_API const char* melpix_error(void);

/* The version of the library that is linked, as MELPIX_VERSION is that of this header. */
MELPIX_API const char* melpix_version(void);

/* Every number that turns samples into features and an image. Opaque. */
typedef struct melpix_frontend melpix_frontend;

/* What a front-end's parameter is called, and what it may be. The texts live as long as the
   program. */
typedef struct melpix_parameter {
  const char* name;
  /* What its value is: "word" and "flag", one of `words`; "count" and "number", or one of `words`;
     "norm", a number that may be inf or -inf, or one of `words`; "form", one of `words`, where what
     is written in capitals stands for a number; "window", such a form, or an alias; "numbers", with
     commas between them; "name". */
  const char* kind;
  const char* words;               /* with spaces between them; "" if there is none */
  const char* initial;             /* the default */
  double least, most;              /* of a number; infinite: there is no limit */
  int32_t above_least, below_most; /* 1: the limit itself is not allowed */
  const char* rule;                /* what it must be beside other parameters, or "" */
  const char* about;               /* what it does, in a line */
} melpix_parameter;

/* Describes the parameter of an index, which counts from 0 in the order of the stages. Fails, with
   nothing written, behind the last one. */
MELPIX_API melpix_status melpix_parameter_at(size_t index, melpix_parameter* parameter);

/* Plans a front-end. `parameters` is text of `name=value` words with white space between them, in
   any order; null or "" is the recipe. melpix_parameter_at tells all names, values and defaults.
   They are those of melpix.Frontend in Python, and melpix/config.h says the same in C++, with None
   being none; an array of samples is not a `window` here, but `window_samples`, and in place of one
   mean and one deviation `normalise` takes n_mels means and then n_mels deviations. Nothing is cut
   where `patch` is given: see melpix_features32.

   For example "sr=16000 n_fft=400 hop_length=160 n_mels=80 fmax=8000 range=-20,4". Numbers have a
   decimal point in every locale. No name may come twice, and an unknown one is an error.

   On success `*frontend` is the caller's, to be destroyed; on failure (MELPIX_INVALID_ARGUMENT,
   MELPIX_OUT_OF_MEMORY) it is null. Threads: yes. */
MELPIX_API melpix_status melpix_frontend_create(const char* parameters, melpix_frontend** frontend);

/* Frees a front-end that no other call is using. Null is fine. Leaves melpix_error() as it is. */
MELPIX_API void melpix_frontend_destroy(melpix_frontend* frontend);

/* Rows (bands) and columns (frames) of what a signal of `length` samples a channel becomes, once it
   has its duration and the zeros of its last patch. Either pointer may be null. Fails, with nothing
   written, if that is too short for the framing. */
MELPIX_API melpix_status melpix_frames(const melpix_frontend* frontend, size_t length, size_t* rows,
                                       size_t* columns);

/* Types of samples, and of what streams write. */
enum {
  MELPIX_INT16 = 0, /* samples, read as x / 32768 */
  MELPIX_FLOAT32 = 1,
  MELPIX_FLOAT64 = 2,
  MELPIX_UINT8 = 3, /* pixels */
  MELPIX_UINT16 = 4
};

/* A view of the caller's samples, which are read in place: {y, n, 1, 0, 0, MELPIX_FLOAT32} for
   mono, {y, n, 2, 0, 0, MELPIX_INT16} for interleaved stereo, {y, n, 2, 1, n, MELPIX_FLOAT64} for
   one channel behind the other. Channels are mixed by their mean. */
typedef struct melpix_signal {
  const void* samples; /* the first; aligned to its type; may be null if `length` is 0 */
  size_t length;       /* samples of one channel */
  size_t channels;     /* at least 1 */
  /* From one sample of a channel to its next, and from one channel to the next, in samples; may be
     negative. Both 0: the channels are interleaved. `channel_stride` is not read where there is one
     channel. */
  ptrdiff_t stride;
  ptrdiff_t channel_stride;
  int32_t type; /* MELPIX_INT16, MELPIX_FLOAT32 or MELPIX_FLOAT64 */
} melpix_signal;

/* What a pass over a signal has seen. */
typedef struct melpix_summary {
  double min;  /* the smallest feature, before any clipping */
  double max;  /* the largest */
  double peak; /* the largest |sample| of any channel, or of what their level makes of them */
} melpix_summary;

/* Renders the image of `signal` into `out`, which has room for `capacity` pixels and does not
   overlap the samples: as many rows and columns as melpix_frames says, `row_stride` and
   `column_stride` pixels apart, where a column_stride of 0 means 1, and a row_stride of 0 as many
   as keep the rows one right behind the other. What lies between is not touched: with a
   column_stride of 2 and the front-ends of two mels, one into `out` and one into `out + 1`, these
   are the channels of one image. Rows must not overlap. `seen` may be null.

   On failure (any status) `seen` is not written. `out` is not either where an argument is at fault,
   else it may be in part. Threads: yes, each with an `out` of its own. */
MELPIX_API melpix_status melpix_image8(const melpix_frontend* frontend, const melpix_signal* signal,
                                       uint8_t* out, size_t capacity, size_t row_stride,
                                       size_t column_stride, melpix_summary* seen);
MELPIX_API melpix_status melpix_image16(const melpix_frontend* frontend,
                                        const melpix_signal* signal, uint16_t* out, size_t capacity,
                                        size_t row_stride, size_t column_stride,
                                        melpix_summary* seen);

/* The same with features, which are not clipped to the range: lowest band first. With a row_stride
   of 1 and a column_stride of n_mels frames are rows. MELPIX_OVERFLOW also says that a feature of a
   double-precision front-end does not fit a float.

   Patches are views: of `columns` frames there are columns < patch ? 0 : 1 + (columns - patch) /
   patch_step, and patch p begins at out + p * patch_step * column_stride. Where frames are rows,
   its patch * n_mels values lie side by side from there on. */
MELPIX_API melpix_status melpix_features32(const melpix_frontend* frontend,
                                           const melpix_signal* signal, float* out, size_t capacity,
                                           size_t row_stride, size_t column_stride,
                                           melpix_summary* seen);
MELPIX_API melpix_status melpix_features64(const melpix_frontend* frontend,
                                           const melpix_signal* signal, double* out,
                                           size_t capacity, size_t row_stride, size_t column_stride,
                                           melpix_summary* seen);

/* A signal that comes in chunks of any size, and its columns, bit by bit those of the whole signal.
   For one thread at a time. */
typedef struct melpix_stream melpix_stream;

/* Begins a stream of features (`type` MELPIX_FLOAT32 or MELPIX_FLOAT64) or pixels (MELPIX_UINT8 or
   MELPIX_UINT16). The front-end may be destroyed before it. Fails, naming the parameter, where
   columns would depend on the whole signal: duration, level=minmax, tail=pad, ref=max, top_db,
   columns, the signal's own statistics, and for pixels range=minmax. On success `*stream` is the
   caller's, on failure it is null. */
MELPIX_API melpix_status melpix_stream_create(const melpix_frontend* frontend, int32_t type,
                                              melpix_stream** stream);
MELPIX_API void melpix_stream_destroy(melpix_stream* stream); /* null is fine */

/* How many columns a push of so many samples a channel writes, and how many a flush. Both fail
   after a flush or an error, the latter also while the signal is too short for the framing. */
MELPIX_API melpix_status melpix_stream_columns(const melpix_stream* stream, size_t length,
                                               size_t* columns);
MELPIX_API melpix_status melpix_stream_tail(const melpix_stream* stream, size_t* columns);

/* Takes the next samples, and writes the columns that they complete to `out`, which has room for
   `capacity` values and does not overlap them: column after column, n_mels values each, in the
   order of an image's or a feature matrix's rows. `*columns` is how many; the pointer may be null,
   as `out` may be where there is none. Allocates nothing once its thread is warm.

   After MELPIX_INVALID_ARGUMENT and MELPIX_TOO_LARGE the stream is as it was. After any other
   failure, as after a flush, it refuses everything until it is reset. */
MELPIX_API melpix_status melpix_stream_push(melpix_stream* stream, const melpix_signal* signal,
                                            void* out, size_t capacity, size_t* columns);

/* Ends the signal, and writes the columns that reach behind its end, as a push does. */
MELPIX_API melpix_status melpix_stream_flush(melpix_stream* stream, void* out, size_t capacity,
                                             size_t* columns);

/* Makes the stream ready for another signal. Fails if it is null. */
MELPIX_API melpix_status melpix_stream_reset(melpix_stream* stream);

#ifdef __cplusplus
}
#endif

#endif
