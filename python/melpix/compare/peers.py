# SPDX-License-Identifier: MIT
"""Who makes the recipe's image of a signal: melpix, librosa and others, each in its own best way.

A contender is planned once (filterbanks, windows and FFT plans are made, its library is imported)
and then does the whole work in every call: from float32 samples to the pixels of the image.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from melpix.convert.file import convert_file
from melpix.frontend.frontend import Frontend

Job: TypeAlias = Callable[[], Any]

OFFSET = 1e-9

# FFTW's patient planning tries the whole batch many times over.
MAX_PLANNED_SAMPLES = 1 << 22


class UnableError(Exception):
    """A contender cannot do this work; the message says why."""


@dataclass(frozen=True, slots=True)
class Work:
    """What everybody does.

    Attributes
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
    sr : number
    n_fft, hop_length, n_mels : int
    """

    y: NDArray[np.float32]
    sr: float
    n_fft: int = 1024
    hop_length: int = 512
    n_mels: int = 128

    @property
    def frames(self) -> int:
        """Columns of the image."""
        return 1 + (self.y.size + self.n_fft // 2 * 2 - self.n_fft) // self.hop_length

    def frontend(self, isa: str | None = None, **more: Any) -> Frontend:
        """Plan melpix for this work, if asked for an instruction set for that one."""
        before = os.environ.get("MELPIX_ISA")
        if isa is not None:
            os.environ["MELPIX_ISA"] = isa
        try:
            return Frontend(
                sr=self.sr,
                n_fft=self.n_fft,
                hop_length=self.hop_length,
                n_mels=self.n_mels,
                **more,
            )
        finally:
            if isa is not None:
                del os.environ["MELPIX_ISA"]
                if before is not None:
                    os.environ["MELPIX_ISA"] = before


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work.

    Attributes
    ----------
    name : str
    plan : callable
        Takes the `Work` and returns the job, which takes nothing and returns the image. Raises
        `UnableError`, or whatever the library raises that is missing or refuses.
    packages : tuple of str
        Others' distributions whose versions matter; melpix has none.
    mel_scale : str or None
        The scale on which it makes the recipe's pixels; None: it makes no pixels.
    """

    name: str
    plan: Callable[[Work], Job]
    packages: tuple[str, ...] = ()
    mel_scale: str | None = "slaney"


def image_of(mel: NDArray[Any]) -> NDArray[np.uint8]:
    """Make the recipe's pixels of a mel spectrogram, in the recipe's own steps."""
    mel = np.log(mel + OFFSET)
    grey = ((mel - mel.min()) / (mel.max() - mel.min()) * 255).astype(np.uint8)
    image: NDArray[np.uint8] = 255 - np.flip(grey, axis=0)
    return image


def melpix(isa: str | None = None, **more: Any) -> Callable[[Work], Job]:
    """Make the plan of melpix with an instruction set or other parameters than the usual ones."""

    def plan(work: Work) -> Job:
        frontend = work.frontend(isa, **more)
        return lambda: frontend.image(work.y)

    return plan


def librosa(work: Work, htk: bool = False) -> Job:
    """Plan the recipe itself; librosa makes its filterbank anew in every call."""
    from librosa.feature import melspectrogram

    return lambda: image_of(
        melspectrogram(
            y=work.y,
            sr=work.sr,
            n_fft=work.n_fft,
            hop_length=work.hop_length,
            n_mels=work.n_mels,
            htk=htk,
        )
    )


def torchaudio(work: Work) -> Job:
    """Plan torchaudio's MelSpectrogram, with the recipe's other steps in torch as well."""
    if work.n_fft % 2 or work.sr % 2:
        raise UnableError("takes n_fft and sr for even numbers, and makes other pixels if not")
    import torch
    from torchaudio.transforms import MelSpectrogram

    torch.set_num_threads(1)
    transform = MelSpectrogram(
        sample_rate=work.sr,
        n_fft=work.n_fft,
        hop_length=work.hop_length,
        n_mels=work.n_mels,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )

    def image() -> Any:
        with torch.inference_mode():
            mel = torch.log(transform(torch.from_numpy(work.y)) + OFFSET)
            lo, hi = mel.aminmax()
            grey = ((mel - lo) / (hi - lo) * 255).to(torch.uint8)
            return (255 - torch.flip(grey, (0,))).numpy()

    return image


def audioflux(work: Work) -> Job:
    """Plan audioflux's BFT. Its mel scale is HTK's; BAND_WIDTH is what librosa calls slaney."""
    if work.n_fft & (work.n_fft - 1):
        raise UnableError("takes powers of two as n_fft only")
    if work.n_fft < 8 or work.n_mels < 2:  # it crashes
        raise UnableError("takes n_fft from 8 and n_mels from 2 on")
    import audioflux
    from audioflux import type as kind

    bft = audioflux.BFT(
        num=work.n_mels,
        radix2_exp=work.n_fft.bit_length() - 1,
        samplate=int(work.sr),
        low_fre=0.0,
        high_fre=work.sr / 2,
        window_type=kind.WindowType.HANN,
        slide_length=work.hop_length,
        scale_type=kind.SpectralFilterBankScaleType.MEL,
        style_type=kind.SpectralFilterBankStyleType.SLANEY,
        normal_type=kind.SpectralFilterBankNormalType.BAND_WIDTH,
        data_type=kind.SpectralDataType.POWER,
    )
    return lambda: image_of(bft.bft(np.pad(work.y, work.n_fft // 2), result_type=1))


def kaldi_native_fbank(work: Work) -> Job:
    """Plan kaldi-native-fbank with librosa's filterbank and no trace of Kaldi's other habits."""
    if work.n_fft % 2:
        raise UnableError("takes an even n_fft only")
    import kaldi_native_fbank as knf

    def milliseconds(samples: int) -> float:
        return 1000 * (samples + 0.01) / work.sr  # it rounds down to whole samples

    options = knf.FbankOptions(
        frame_opts=knf.FrameExtractionOptions(
            samp_freq=work.sr,
            frame_shift_ms=milliseconds(work.hop_length),
            frame_length_ms=milliseconds(work.n_fft),
            dither=0.0,
            preemph_coeff=0.0,
            remove_dc_offset=False,
            window_type="hann",
            round_to_power_of_two=False,
            snip_edges=True,
        ),
        mel_opts=knf.MelBanksOptions(
            num_bins=work.n_mels,
            low_freq=0.0,
            high_freq=work.sr / 2,
            is_librosa=True,
            norm="slaney",
            use_slaney_mel_scale=True,
        ),
        use_log_fbank=False,
        use_power=True,
    )

    def image() -> Any:
        fbank = knf.OnlineFbank(options)
        # It takes a sequence of numbers: a list is read faster than an array.
        fbank.accept_waveform(work.sr, np.pad(work.y, work.n_fft // 2).tolist())
        fbank.input_finished()
        columns = [fbank.get_frame(t) for t in range(fbank.num_frames_ready)]
        return image_of(np.stack(columns, axis=1))

    return image


def fftw(work: Work) -> Job:
    """Plan the FFTs of the same frames, windowed beforehand, and nothing else: a floor."""
    if work.frames * work.n_fft > MAX_PLANNED_SAMPLES:
        raise UnableError(f"is planned for up to {MAX_PLANNED_SAMPLES} samples of frames")
    import pyfftw

    frames = pyfftw.empty_aligned((work.frames, work.n_fft), "float32")
    spectra = pyfftw.empty_aligned((work.frames, work.n_fft // 2 + 1), "complex64")
    plan = pyfftw.FFTW(
        frames, spectra, axes=(1,), flags=("FFTW_PATIENT",), threads=1, planning_timelimit=20.0
    )
    # Planning overwrites its arrays.
    padded = np.pad(work.y, work.n_fft // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(work.n_fft) / work.n_fft)
    views = np.lib.stride_tricks.sliding_window_view(padded, work.n_fft)[:: work.hop_length]
    frames[:] = views * window.astype(np.float32)
    return lambda: plan.execute()


MELPIX = Contender("melpix", melpix())

DOUBLE = Contender("melpix, double precision", melpix(precision="double"))

LIBROSA = Contender("librosa", librosa, ("librosa", "numpy", "scipy", "numba"))

PEERS = (
    LIBROSA,
    Contender("torchaudio", torchaudio, ("torchaudio", "torch")),
    Contender("audioflux, HTK's mel scale", audioflux, ("audioflux",), mel_scale="htk"),
    Contender("kaldi-native-fbank", kaldi_native_fbank, ("kaldi-native-fbank",)),
    Contender("bare FFTs (FFTW)", fftw, ("pyfftw",), mel_scale=None),
)


def with_isa(isa: str) -> Contender:
    """Return melpix with the kernels of one instruction set."""
    return Contender(f"melpix, {isa} kernels", melpix(isa))


def to_file(source: str, target: str) -> tuple[Contender, ...]:
    """Return who goes the whole way from a sound file to a new PNG file."""

    def fresh() -> str:
        """Make room: a file system takes longer over a file that is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        return target

    def melpix(work: Work) -> Job:
        frontend = work.frontend()
        return lambda: convert_file(source, fresh(), frontend)

    def librosa_and_skimage(work: Work) -> Job:
        from librosa import load
        from skimage.io import imsave

        def convert() -> None:
            y, _ = load(source, sr=work.sr)
            imsave(fresh(), librosa(replace(work, y=y))(), check_contrast=False)

        return convert

    return (
        Contender("melpix", melpix),
        Contender("librosa, scikit-image", librosa_and_skimage, ("librosa", "scikit-image")),
    )


def first(contender: Contender, work: Work) -> tuple[Job, Any]:
    """Plan a contender and let it work once: return its job and the image.

    Raises
    ------
    UnableError
        Whatever the reason: not installed, does not import, refuses the parameters. Errors of
        melpix's own pass as they are.
    """
    try:
        job = contender.plan(work)
        return job, job()
    except Exception as error:
        if isinstance(error, UnableError) or not contender.packages:
            raise
        if isinstance(error, ModuleNotFoundError):
            raise UnableError(f"is not installed ({error})") from error
        raise UnableError(f"fails: {type(error).__name__}: {error}") from error
