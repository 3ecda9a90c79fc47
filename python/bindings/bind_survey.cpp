// SPDX-License-Identifier: MIT
// What files hold that libsndfile decodes: where in them the pieces lie that it reads one by one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bindings.h"
#include "decode/mpeg_survey.h"
#include "decode/ogg_survey.h"

namespace {

namespace decode = melpix::decode;

// A binary file of Python's, which is unbuffered.
class PythonFile : public decode::Source {
 public:
  explicit PythonFile(const py::object& file)
      : seek_(file.attr("seek")), readinto_(file.attr("readinto")) {
    size_ = seek_(0, 2).cast<std::uint64_t>();
  }
  std::uint64_t size() const override { return size_; }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    seek_(at);
    auto* bytes = static_cast<char*>(to);
    std::size_t done = 0;
    while (done < count) {
      const auto left = static_cast<py::ssize_t>(count - done);
      const py::object n = readinto_(py::memoryview::from_memory(bytes + done, left));
      const std::size_t got = n.is_none() ? 0 : n.cast<std::size_t>();
      if (got == 0 || got > count - done) break;
      done += got;
    }
    return done;
  }

 private:
  const py::object seek_, readinto_;
  std::uint64_t size_;
};

py::object survey_mpeg(const py::object& file, std::uint64_t start,
                       std::optional<std::uint64_t> stop) {
  PythonFile source(file);
  const std::uint64_t end = std::min(stop.value_or(source.size()), source.size());
  return py::cast(decode::survey_mpeg(source, std::min(start, end), end));
}

std::vector<decode::OggLink> survey_ogg(const py::object& file) {
  PythonFile source(file);
  return decode::survey_ogg(source);
}

}  // namespace

void bind_survey(py::module_& m) {
  using decode::MpegRun, decode::MpegSurvey, decode::OggEnd, decode::OggLink;
  py::class_<MpegRun>(m, "MpegRun")
      .def_readonly("start", &MpegRun::start)
      .def_readonly("stop", &MpegRun::stop)
      .def_readonly("frames", &MpegRun::frames)
      .def_readonly("informed", &MpegRun::informed)
      .def_readonly("stated", &MpegRun::stated)
      .def_readonly("variable", &MpegRun::variable)
      .def_readonly("follows", &MpegRun::follows)
      .def_readonly("broken", &MpegRun::broken)
      .def_readonly("lost", &MpegRun::lost)
      .def_property_readonly("samples", [](const MpegRun& run) { return run.first.samples; })
      .def_property_readonly("sr", [](const MpegRun& run) { return run.first.sr; })
      .def_property_readonly("channels", [](const MpegRun& run) { return run.first.channels; })
      .def_property_readonly("header", [](const MpegRun& run) { return run.first.bits; })
      .def_property_readonly("length", [](const MpegRun& run) { return run.first.length; });
  py::class_<MpegSurvey>(m, "MpegSurvey")
      .def_readonly("start", &MpegSurvey::start)
      .def_readonly("plain", &MpegSurvey::plain)
      .def_readonly("tag", &MpegSurvey::tag)
      .def_readonly("runs", &MpegSurvey::runs)
      .def_readonly("clean_end", &MpegSurvey::clean_end);
  py::class_<OggEnd>(m, "OggEnd")
      .def_readonly("page", &OggEnd::page)
      .def_readonly("flags", &OggEnd::flags)
      .def_readonly("checksum", &OggEnd::checksum);
  py::class_<OggLink>(m, "OggLink")
      .def_readonly("start", &OggLink::start)
      .def_readonly("stop", &OggLink::stop)
      .def_readonly("ended", &OggLink::ended)
      .def_readonly("lost", &OggLink::lost)
      .def_readonly("end", &OggLink::end);
  m.def("survey_mpeg", &survey_mpeg, py::arg("file"), py::arg("start") = 0,
        py::arg("stop") = py::none());
  m.def("survey_ogg", &survey_ogg, py::arg("file"));
}
