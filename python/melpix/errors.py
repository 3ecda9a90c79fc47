# SPDX-License-Identifier: MIT
"""What can go wrong: with data, and with a parameter."""

from __future__ import annotations


class ParameterError(ValueError):
    """A parameter is of a wrong kind, out of its range, or does not go with another one.

    Attributes
    ----------
    parameter : str
        Its name, with which the message begins.
    reason : str
        The rest of the message.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(parameter, reason)  # both in args: the error survives pickling
        self.parameter, self.reason = parameter, reason

    def __str__(self) -> str:
        return self.parameter + self.reason


class MelpixError(Exception):
    """Base of melpix's own errors.

    Attributes
    ----------
    code : str
        Machine-readable name of the fault, for manifests and services.
    reason : str
        The message without the sound's name.
    source : str or None
        The path of the sound at fault, with which the message then begins; "" where it was given as
        bytes or an open file; None where the error is of no sound in particular.
    """

    def __init__(self, code: str, reason: str, source: str | None = None) -> None:
        super().__init__(code, reason, source)  # all in args: the error survives pickling
        self.code, self.reason, self.source = code, reason, source

    def __str__(self) -> str:
        if self.source is None:
            return self.reason
        return f"{repr(self.source) if self.source else 'the given bytes'}: {self.reason}"


class DecodeError(MelpixError):
    """The file could not be read.

    Its codes: ``decode_failed``, ``empty_audio``, ``bad_sample_rate``,
    ``unsupported_format`` (read on request alone), ``no_decoder`` (not read), ``not_installed``
    (it takes soundfile or soxr), ``not_a_file``, ``too_large`` (bytes), ``too_long`` (seconds),
    ``too_short``, ``truncated``, ``source_changed``; ``crashed`` and ``timeout`` (of the process
    that decoded).
    """


class SignalError(MelpixError, ValueError):
    """The samples give no image.

    Its codes: ``empty_audio``, ``non_finite`` (NaN or infinity), ``overflow`` (far too large).
    """


class EncodeError(MelpixError, ValueError):
    """What was given is no image that PNG readers accept (``bad_image``, ``image_too_large``)."""
