"""The mutants: faults that the tests must find, each one small change of one file."""

from __future__ import annotations

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A fault.

    Attributes
    ----------
    name : str
    about : str
        What is wrong with it.
    file : str
        The path of the file that it is in, from the root of the repository.
    old, new : str
        The text that it replaces, which the file must hold exactly once, and what it puts there.
    first : tuple of str
        Tests, or folders of tests, that are likely to find it: they run ahead of all others.
    """

    name: str
    about: str
    file: str
    old: str
    new: str
    first: tuple[str, ...]

    @property
    def compiled(self) -> bool:
        """Whether the core has to be built again."""
        return self.file.startswith("cpp/")

    def apply(self, root: pathlib.Path) -> None:
        """Change the file.

        Raises
        ------
        ValueError
            The file does not hold the text exactly once: the mutant is to be updated.
        """
        path = root / self.file
        text = path.read_text("utf-8")
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.file} has its old text {found} times: {self.old}")
        path.write_text(text.replace(self.old, self.new), "utf-8")


def _of(folder: str, *rows: tuple[str, str, str, str, str, str]) -> list[Mutant]:
    """Return the mutants of a folder: name, file, fault, old, new, likely tests (with spaces)."""
    return [
        Mutant(
            name=name,
            about=about,
            file=f"{folder}/{file}",
            old=old,
            new=new,
            first=tuple(f"tests/python/{test}" for test in first.split()),
        )
        for name, file, about, old, new, first in rows
    ]


STAGES = "frontend/test_stages.py frontend/test_frontend.py"

CORE = _of(
    "cpp/src",
    (
        "frame-count",
        "stages/frame.cpp",
        "a frame more where the last hop is not whole",
        "return 1 + (padded - frame) / c.hop_length;",
        "return 1 + (padded - frame + c.hop_length - 1) / c.hop_length;",
        STAGES,
    ),
    (
        "edge-padding",
        "stages/frame.cpp",
        "the first sample in place of the last one behind the end",
        "return mixed(i < 0 ? 0 : n - 1);",
        "return mixed(0);",
        STAGES,
    ),
    (
        "ramp-padding",
        "stages/frame.cpp",
        "the ramp behind the end begins a step too high",
        "n + pad - 1 - i;",
        "n + pad - i;",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "reflected-tail",
        "stages/frame.cpp",
        "librosa's tail begins too late for hops of half a frame",
        "c.hop_length >= half",
        "c.hop_length > half",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "window-margin",
        "stages/frame.cpp",
        "an odd margin of the window is rounded up",
        "(c.mel.n_fft - c.win_length.value_or(c.mel.n_fft)) / 2;",
        "(c.mel.n_fft - c.win_length.value_or(c.mel.n_fft) + 1) / 2;",
        STAGES,
    ),
    (
        "padded-patch",
        "stages/frame.cpp",
        "a patch more where the last one is whole",
        "(length - first - 1) / step + 1, step)",
        "(length - first) / step + 1, step)",
        "frontend/test_stages.py",
    ),
    (
        "kaldi-nyquist",
        "stages/mel.cpp",
        "Kaldi's filters weigh the bin of half the rate",
        "c.n_fft % 2 == 0 ? n_bins - 1 : n_bins;",
        "c.n_fft % 2 == 0 ? n_bins : n_bins;",
        STAGES,
    ),
    (
        "htk-scale",
        "stages/mel.cpp",
        "HTK's mels become frequencies by another constant than they came from",
        "700 * (std::pow(10, mel / 2595) - 1)",
        "700 * (std::pow(10, mel / 2590) - 1)",
        STAGES,
    ),
    (
        "p-norm",
        "stages/mel.cpp",
        "a filter's p-norm with the wrong root",
        "length = std::pow(length, 1 / p);",
        "length = std::pow(length, 2 / (1 + p));",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "empty-filters",
        "stages/mel.cpp",
        "an empty filter at 0 Hz is warned of",
        "if (low != 0) ++bands.empty_filters;",
        "++bands.empty_filters;",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "window-coefficient",
        "stages/window.cpp",
        "Blackman-Harris with a wrong last coefficient",
        "0.14128, 0.01168",
        "0.14128, 0.01186",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "top-db-unit",
        "stages/normalise.cpp",
        "top_db of log10 in decibels, not bels",
        ": c.compress == Compress::kLog10 ? bels",
        ": c.compress == Compress::kLog10 ? *c.top_db",
        STAGES,
    ),
    (
        "deviation",
        "stages/normalise.cpp",
        "the deviation of a sample in place of the population's",
        "std::sqrt(sum(mean, 2) / count)",
        "std::sqrt(sum(mean, 2) / (count > 1 ? count - 1 : count))",
        STAGES,
    ),
    (
        "filled-columns",
        "stages/normalise.cpp",
        "columns that fill an image up are left out of its extremes",
        "*seen = {std::min(seen->lo, T(0)), std::max(seen->hi, T(0))};",
        "",
        "frontend/test_stages.py test_properties.py",
    ),
    (
        "half-rounding",
        "plan.cpp",
        "rounding 'nearest' truncates",
        "config.rounding == Rounding::kNearest ? Rule::kNearest",
        "config.rounding == Rounding::kNearest ? Rule::kTruncate",
        "frontend/test_pixels.py frontend/test_orientation.py",
    ),
    (
        "silent-image",
        "frontend.cpp",
        "an image of silence is black where it ought to be white",
        "config.invert ? std::numeric_limits<Pixel>::max() : Pixel{0};",
        "config.flip ? std::numeric_limits<Pixel>::max() : Pixel{0};",
        "frontend/test_frontend.py",
    ),
    (
        "stream-flip",
        "stream.cpp",
        "pixels of a stream are flipped whatever `flip` is",
        "const bool flip = plan->config.flip;",
        "const bool flip = plan->config.flip || true;",
        "frontend/test_stream.py frontend/test_orientation.py",
    ),
    (
        "stream-reset",
        "stream.cpp",
        "a stream that was reset keeps the state of PCEN",
        "std::fill(smooth.begin(), smooth.end(), T(1));",
        "if (history.bytes() == 0) std::fill(smooth.begin(), smooth.end(), T(1));",
        "frontend/test_stream.py",
    ),
    (
        "stream-tail",
        "history.h",
        "a stream keeps a sample too few for the padding at its end",
        "kept_for_end_ = pad_ + 1;",
        "kept_for_end_ = pad_;",
        "frontend/test_stream.py",
    ),
    (
        "signal-length",
        "stages/signal.cpp",
        "a duration is rounded down to samples",
        "std::nearbyint(*c.duration * c.mel.sr)",
        "std::floor(*c.duration * c.mel.sr)",
        "test_properties.py",
    ),
    (
        "minmax-zeros",
        "stages/signal.cpp",
        "zeros that fill a signal up do not count for its level",
        "const bool zeros = repeated < fitted;",
        "const bool zeros = repeated > fitted;",
        "frontend/test_frontend.py",
    ),
    (
        "bad-sample",
        "stages/peak.cpp",
        "the message names the wrong sample of a stream",
        'sample ", before_ + i, channel',
        'sample ", i, channel',
        "frontend/test_stream.py frontend/test_frontend.py",
    ),
    (
        "paeth",
        "scanline.cpp",
        "Paeth's filter decides ties the wrong way",
        "d_above <= d_corner ? above : corner",
        "d_above < d_corner ? above : corner",
        "image/test_png.py",
    ),
    (
        "doubt",
        "stages/doubt.cpp",
        "frames are computed again at a thousandth of the rounding only",
        "noise_ = static_cast<T>(std::pow(c.power * kDeviations * fft_error / kShows, 2));",
        "noise_ = static_cast<T>(std::pow(c.power * 0.03 * fft_error / kShows, 2));",
        "frontend/test_mel_noise.py frontend/test_pixels.py",
    ),
    (
        "least-exponent",
        "parameters.cpp",
        "an exponent of 0 is allowed",
        'check_number("compress", "exponent", c.exponent, true);',
        'check_number("compress", "exponent", c.exponent, false);',
        "frontend/test_frontend.py frontend/test_parameter_table.py",
    ),
    (
        "last-bin",
        "kernels/mel.inl",
        "a filter of an odd number of bins loses its last",
        "if (i < count) even += p[i] * w[i];",
        "if (i + 1 < count) even += p[i] * w[i];",
        "test_minimal.py frontend/test_stages.py",
    ),
    (
        "int16-scale",
        "kernels/signal.inl",
        "int16 samples are divided by 32767",
        "kInt16 ? Wide(0x1p-15)",
        "kInt16 ? Wide(1) / Wide(32767)",
        "frontend/test_frontend.py",
    ),
)

PACKAGE = _of(
    "python/melpix",
    (
        "choice-type",
        "arguments.py",
        "1 is taken for True",
        "if type(value) is type(known) and value == known:",
        "if value == known:",
        "frontend/test_frontend.py frontend/test_parameter_table.py",
    ),
    (
        "suffix-png",
        "suffixes.py",
        "a .png is no file of another kind where another kind is wanted",
        ' or suffix == ".png"',
        "",
        "image/test_suffixes.py",
    ),
    (
        "file-mode",
        "files.py",
        "a file that is replaced loses its permissions",
        "os.chmod(file if os.chmod in os.supports_fd else temporary, mode)",
        "pass",
        "convert/test_convert.py",
    ),
    (
        "left-out",
        "frontend/lengths.py",
        "the column that centring adds counts as left out",
        "> f.columns + centred:",
        "> f.columns:",
        "convert/test_windows.py",
    ),
    (
        "pixels-of-16-bits",
        "frontend/demands.py",
        "a pixel of 16 bits counts once",
        " * (f.bits // 8))",
        ")",
        "test_doctests.py",
    ),
    (
        "patch-count",
        "frontend/patches.py",
        "the last patch is lost",
        "max(0, 1 + (features.shape[time] - size) // step)",
        "max(0, (features.shape[time] - size) // step)",
        "frontend/test_stages.py",
    ),
    (
        "preset-window",
        "frontend/presets.py",
        "Kaldi's window is Hann's",
        '"gain": 32768, "window": "povey"',
        '"gain": 32768, "window": "hann"',
        "frontend/test_presets.py",
    ),
    (
        "preset-tail",
        "frontend/presets.py",
        "YAMNet's last patch is dropped",
        '"patch_step": 48, "tail": "pad",',
        '"patch_step": 48, "tail": "drop",',
        "frontend/test_presets.py",
    ),
    (
        "inverse-ceil",
        "image/features.py",
        "raised pixels are shifted the wrong way",
        '"ceil": -0.5',
        '"ceil": 0.5',
        "frontend/test_orientation.py frontend/test_pixels.py",
    ),
    (
        "inverse-flip",
        "image/features.py",
        "features come back upside down from images that are not flipped",
        "image[::-1] if greys.flip else image",
        "image[::-1]",
        "test_properties.py frontend/test_orientation.py",
    ),
    (
        "metadata-range",
        "image/rendering.py",
        "the usual metadata have lo and hi exchanged",
        '"hi":{hi!r},"lo":{lo!r},',
        '"hi":{lo!r},"lo":{hi!r},',
        "image/test_metadata.py convert/test_convert.py",
    ),
    (
        "byte-order",
        "image/write.py",
        "pixels of 16 bits are little-endian",
        '">u2" if image.dtype == np.uint16',
        '"<u2" if image.dtype == np.uint16',
        "image/test_png.py",
    ),
    (
        "metadata-limit",
        "image/write.py",
        "metadata longer than readers take are written",
        "if len(text) > MAX_METADATA:",
        "if len(text) > 9 * MAX_METADATA:",
        "image/test_metadata.py image/test_png.py",
    ),
    (
        "pixel-limit",
        "image/size.py",
        "the number of pixels is not limited",
        " or height * width > MAX_PIXELS:",
        ":",
        "image/test_png.py",
    ),
    (
        "db-reference",
        "librosa_api/decibels.py",
        "the reference of decibels has no floor",
        "np.log10(np.maximum(amin, reference))",
        "np.log10(reference)",
        "librosa_api/test_decibels.py",
    ),
    (
        "pcen-neighbours",
        "librosa_api/decibels.py",
        "an even number of neighbours lies on the wrong side",
        "beyond = (size // 2, size - 1 - size // 2)",
        "beyond = (size - 1 - size // 2, size // 2)",
        "librosa_api/test_decibels.py",
    ),
    (
        "librosa-center",
        "librosa_api/mel.py",
        "center=False is ignored",
        '"center" if center else "uncentered"',
        '"center" if center else "center"',
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "librosa-dtype",
        "librosa_api/mel.py",
        "the result has the filterbank's type, whatever the signal's is",
        "np.result_type(y.dtype, weights_dtype)",
        "np.result_type(weights_dtype)",
        "librosa_api/test_melspectrogram.py",
    ),
    (
        "window-samples",
        "convert/cut.py",
        "seconds become samples by truncation",
        "(max(1, round(s * sr)) for s in self.seconds)",
        "(max(1, int(s * sr)) for s in self.seconds)",
        "convert/test_windows.py",
    ),
    (
        "offset-ignored",
        "convert/reading.py",
        "an image shows the sound from its beginning",
        "offset=cut.offset,",
        "offset=0.0,",
        "convert/test_convert.py",
    ),
    (
        "strict-ignored",
        "convert/reading.py",
        "a truncated file is none of strict's",
        "strict=cut.strict,",
        "strict=False,",
        "convert/test_convert.py cli/test_cli.py",
    ),
    (
        "metadata-lost",
        "convert/file.py",
        "the name of the sound is not in the image",
        "source=source, offset=cut.offset, duration=seconds, **more",
        "source=None, offset=cut.offset, duration=seconds, **more",
        "convert/test_convert.py",
    ),
    (
        "window-step",
        "convert/windows.py",
        "windows follow each other whatever `step` is",
        "start += long.step",
        "start += length",
        "convert/test_windows.py",
    ),
    (
        "window-padded",
        "convert/windows.py",
        "a padded window does not say so",
        "padded=sound < len(y),",
        "padded=False,",
        "convert/test_windows.py",
    ),
    (
        "signal-exit",
        "cli/__init__.py",
        "a run that was stopped ends with 1",
        "return 128 + stop.signum",
        "return 1",
        "cli/test_cli.py",
    ),
    (
        "failed-exit",
        "cli/convert.py",
        "a single file that failed is no failure",
        "    if summary.failed:\n",
        "    if summary.failed > 1:\n",
        "dataset/test_dataset.py dataset/test_dataset_faults.py",
    ),
    (
        "overlap",
        "cli/convert.py",
        "the step is the overlap, not what it leaves",
        "step = length * (1 - overlap)",
        "step = length * overlap",
        "dataset/test_dataset.py dataset/test_dataset_faults.py",
    ),
    (
        "verify-exit",
        "compare/verify.py",
        "a file that could not be compared counts as within the tolerance",
        "for distance in distances) and not failed",
        "for distance in distances)",
        "compare/test_verify.py",
    ),
    (
        "verify-average",
        "compare/verify.py",
        "what is off everywhere is allowed as what is off somewhere",
        "_MOST_ON_AVERAGE * apart.mean() / on_average",
        "apart.mean() / on_average",
        "compare/test_verify.py",
    ),
    (
        "http-status",
        "serving/app.py",
        "a request that takes too long is a bad gateway",
        "refusal(504, ",
        "refusal(502, ",
        "serving/test_serve.py",
    ),
    (
        "retry-after",
        "serving/app.py",
        "a client that is one too many is not told when to come again",
        "if answer.status in (429, 503):",
        "if answer.status == 503:",
        "serving/test_serve.py",
    ),
    (
        "http-too-much",
        "serving/answer.py",
        "an image that is too large is 422, not 413",
        '"too_long", "image_too_large", ',
        '"too_long", ',
        "serving/test_serve.py",
    ),
    (
        "wide-features",
        "serving/work.py",
        "features of 8 bytes count once",
        '(2 if f.dtype == "float64" else 1)',
        "1",
        "serving/test_serve.py",
    ),
    (
        "plan-dtype",
        "dataset/plan.py",
        "a run goes on with another dtype",
        '"format": self.format, "dtype": self.dtype}',
        '"format": self.format}',
        "dataset/test_dataset.py",
    ),
    (
        "short-shard",
        "dataset/outputs/shards.py",
        "a shard ends a sample too late",
        "self._shard.count >= self._max_count",
        "self._shard.count > self._max_count",
        "dataset/test_outputs.py",
    ),
    (
        "manifest-field",
        "dataset/worker.py",
        "the manifest does not say how large an image is",
        "record.window, record.bytes = number, len(payload)",
        "record.window = number",
        "dataset/test_dataset.py",
    ),
    (
        "changed-label",
        "dataset/outputs/record.py",
        "a source with another label counts as done",
        "about = (self.source, self.size, self.mtime_ns, self.label, self.params)",
        "about = (self.source, self.size, self.mtime_ns, self.params)",
        "dataset",
    ),
    (
        "list-label",
        "dataset/sources/lists.py",
        "the labels of a Parquet list are lost",
        '("offset", "duration", "name", "label")',
        '("offset", "duration", "name")',
        "dataset/test_scan.py",
    ),
    (
        "part-skipped",
        "dataset/sources/scan.py",
        "each part tells of all that was passed over",
        "sorted(set(finder.skipped))[part - 1 :: parts],",
        "sorted(set(finder.skipped)),",
        "dataset/test_scan.py",
    ),
    (
        "percentile",
        "dataset/grey_range.py",
        "a percentile takes the bin below",
        'side="right")',
        'side="left")',
        "dataset/test_dataset.py",
    ),
    (
        "fault-code",
        "dataset/coordinator.py",
        "a worker that hangs has crashed",
        'TimedOut: "timeout"',
        'TimedOut: "crashed"',
        "dataset/test_dataset_faults.py",
    ),
    (
        "resume-forgets",
        "dataset/coordinator.py",
        "a run begins anew",
        "if not past.has(describe(item, params))",
        "if past is not None",
        "dataset/test_dataset.py",
    ),
    (
        "report-seconds",
        "dataset/report/summary.py",
        "of the sound in images only the last one's counts",
        "self.seconds += bounded(record.duration)",
        "self.seconds = bounded(record.duration)",
        "dataset/test_report.py",
    ),
    (
        "report-markup",
        "dataset/report/page.py",
        "names on the page are markup",
        "_Html(entities.escape(printable(text)))",
        "_Html(printable(text))",
        "dataset/test_report.py",
    ),
    (
        "pool-timeout",
        "workers/crew.py",
        "a job may take for ever",
        "limit = self.timeout if worker.stage else START",
        "limit = None if worker.stage else START",
        "workers/test_batch_pool.py",
    ),
    (
        "resampled-length",
        "audio/resample.py",
        "a resampled sound is rounded down",
        "return math.ceil(n * (float(target) / sr))",
        "return math.floor(n * (float(target) / sr))",
        "audio/test_load.py",
    ),
    (
        "least-rate",
        "audio/load.py",
        "a rate of 0 Hz is taken",
        "if sr is not None and not MIN_SR <= sr <= MAX_SR:",
        "if sr is not None and not sr <= MAX_SR:",
        "convert/test_windows.py audio/test_decode_faults.py",
    ),
)

MUTANTS = {mutant.name: mutant for mutant in (*PACKAGE, *CORE)}
