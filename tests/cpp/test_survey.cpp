// SPDX-License-Identifier: MIT
// What MPEG and Ogg files hold, at their edges: memory that ends where the file does, every length
// of a cut file, random bytes. What is read of files is tested in
// tests/python/audio/test_every_second.py.
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "decode/mpeg_survey.h"
#include "decode/ogg_survey.h"

namespace {

using namespace melpix::decode;
using File = std::vector<unsigned char>;

// Of exactly so many bytes, so that AddressSanitizer sees each read behind them; and as a file
// does, which lends no memory.
class Exact : public Source {
 public:
  Exact(const File& file, bool lends) : size_(file.size()), lends_(lends) {
    bytes_.reset(new unsigned char[size_]);
    if (size_ > 0) std::memcpy(bytes_.get(), file.data(), size_);
  }
  std::uint64_t size() const override { return size_; }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    if (at >= size_) return 0;
    const std::size_t n = std::min(count, size_ - static_cast<std::size_t>(at));
    std::memcpy(to, bytes_.get() + at, n);
    return n;
  }
  const unsigned char* memory() const override { return lends_ ? bytes_.get() : nullptr; }

 private:
  std::unique_ptr<unsigned char[]> bytes_;
  std::size_t size_;
  bool lends_;
};

std::optional<MpegSurvey> mpeg(const File& file) {
  Exact lent(file, true), copied(file, false);
  std::optional<MpegSurvey> a = survey_mpeg(lent, 0, file.size());
  const std::optional<MpegSurvey> b = survey_mpeg(copied, 0, file.size());
  CHECK(a.has_value() == b.has_value());
  if (!a || !b) return a;
  CHECK(a->start == b->start && a->runs.size() == b->runs.size());
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < a->runs.size(); ++i) {
    const MpegRun &x = a->runs[i], &y = b->runs[i];
    CHECK(x.start == y.start && x.stop == y.stop && x.frames == y.frames && x.lost == y.lost);
    CHECK(x.start >= end && x.stop > x.start && x.stop <= file.size());
    end = x.stop;
  }
  return a;
}

std::vector<OggLink> ogg(const File& file) {
  Exact lent(file, true), copied(file, false);
  const std::vector<OggLink> a = survey_ogg(lent), b = survey_ogg(copied);
  CHECK(a.size() == b.size());
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].start == b[i].start && a[i].stop == b[i].stop && a[i].lost == b[i].lost);
    CHECK(a[i].start >= end && a[i].stop > a[i].start && a[i].stop <= file.size());
    if (a[i].end) CHECK(a[i].end->page >= a[i].start && a[i].end->page + 27 <= a[i].stop);
    end = a[i].stop;
  }
  return a;
}

void add(File& to, const std::string& text) { to.insert(to.end(), text.begin(), text.end()); }

// MPEG-1 layer III, 44.1 kHz, 128 kbit/s: 417 bytes; or MPEG-2.5, 8 kHz, 8 kbit/s: 72 bytes.
void add_frame(File& to, bool mono = true) {
  add(to, {'\xff', '\xfb', '\x90', mono ? '\xc0' : '\0'});
  to.resize(to.size() + 413);
}
void add_small(File& to) {
  add(to, {'\xff', '\xe3', '\x18', '\xc0'});
  to.resize(to.size() + 68);
}

void add_page(File& to, int flags, char serial, const std::string& content, int granule) {
  std::string page = "OggS";
  page += '\0';
  page += static_cast<char>(flags);
  page += static_cast<char>(granule);
  page += std::string(7, granule < 0 ? '\xff' : '\0');
  page += std::string(4, serial) + std::string(8, '\0');
  page += '\1';
  page += static_cast<char>(content.size());
  add(to, page + content);
}

void test_frames() {
  File file;
  for (int i = 0; i < 5; ++i) add_frame(file);
  const std::size_t first = file.size();
  for (int i = 0; i < 4; ++i) add_frame(file, false);
  for (int i = 0; i < 6; ++i) add_small(file);
  const auto all = mpeg(file);
  CHECK(all && all->plain && all->runs.size() == 3 && all->clean_end);
  CHECK_EQUAL(all->runs[0].frames, 5u);
  CHECK_EQUAL(all->runs[0].stop, first);
  CHECK_EQUAL(all->runs[1].frames, 4u);
  CHECK_EQUAL(all->runs[1].first.channels, 2u);
  CHECK_EQUAL(all->runs[2].frames, 6u);
  CHECK_EQUAL(all->runs[2].first.sr, 8000u);
  CHECK_EQUAL(all->runs[2].first.samples, 576u);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto cut = mpeg(File(file.begin(), file.begin() + static_cast<long>(size)));
    CHECK(cut.has_value() == (size >= 4));
    if (cut && size <= first) CHECK((cut->runs.empty() ? 0 : cut->runs[0].frames) == size / 417);
  }
}

void test_what_is_between() {
  const std::string id3("ID3\3\0\0\0\0\0\x64", 10);
  const struct {
    std::string between;
    std::uint64_t lost;
    bool follows;
  } cases[] = {
      {"", 0, true},
      {std::string(900, '\0'), 0, true},
      {std::string(5000, '\0'), 0, false},
      {std::string(300, 'x'), 0, true},
      {std::string(5000, 'x'), 5000, false},
      {id3 + std::string(100, 'x'), 0, true},
      {"TAG" + std::string(125, 'x'), 0, true},
      {"LYRICSBEGIN" + std::string(2000, 'x') + "LYRICS200", 0, false},
      {"LYRICSBEGIN" + std::string(2000, 'x'), 2011, false},
  };
  for (const auto& c : cases) {
    File file;
    for (int i = 0; i < 4; ++i) add_frame(file);
    add(file, c.between);
    for (int i = 0; i < 4; ++i) add_frame(file);
    const auto found = mpeg(file);
    CHECK(found && found->runs.size() == (c.follows ? 1u : 2u));
    CHECK_EQUAL(found->runs[0].lost, c.lost);
    CHECK_EQUAL(found->runs[0].frames, c.follows ? 8u : 4u);
    file.resize(4 * 417 + c.between.size());
    const auto behind = mpeg(file);
    CHECK(behind && behind->runs.size() == 1);
    CHECK(behind->clean_end == c.follows);
    CHECK_EQUAL(behind->runs[0].lost, c.lost);
  }
}

void test_pages() {
  File file;
  add_page(file, 2, 'a', "OpusHead-", 0);
  add_page(file, 0, 'a', "OpusTags-", 0);
  add_page(file, 4, 'a', "sound", 9);
  const std::size_t first = file.size();
  add_page(file, 2, 'b', "\1vorbis-", 0);
  add_page(file, 2, 'c', "other", 0);
  add_page(file, 0, 'c', "other", 9);
  add_page(file, 0, 'b', "sound", 9);
  const std::vector<OggLink> links = ogg(file);
  CHECK_EQUAL(links.size(), 2u);
  CHECK(links[0].ended && links[0].opus && !links[0].lost && links[0].stop == first);
  CHECK(!links[1].ended && !links[1].opus && !links[1].lost && links[1].stop == file.size());
  for (std::size_t size = 0; size < file.size(); ++size)
    CHECK(ogg(File(file.begin(), file.begin() + static_cast<long>(size))).size() <= 2);
  File foreign(file.begin(), file.begin() + static_cast<long>(first));
  add_page(foreign, 0, 'd', "sound", 9);
  CHECK(ogg(foreign).size() == 1 && ogg(foreign)[0].lost);
  File open(file.begin(), file.begin() + static_cast<long>(first));
  open[first - 28 - 5 + 5] = 0;  // the flags of its last page, whose content has five bytes
  CHECK(ogg(open)[0].end && ogg(open)[0].end->page == first - 33 && ogg(open)[0].end->flags == 4);
}

void test_random_bytes() {
  std::mt19937 random(1);
  const std::string words[] = {"OggS",      std::string("OggS\0\2", 6),
                               "ID3\3",     "TAG",
                               "APETAGEX",  "LYRICSBEGIN",
                               "LYRICS200", std::string("\xff\xfb\x90\xc0", 4),
                               "Xing",      "OpusHead",
                               "\xff",      std::string(40, '\0')};
  for (int i = 0; i < 3000; ++i) {
    File file;
    if (i % 2 == 0)
      for (int k = 0; k < 3; ++k) add_small(file);
    else
      add_page(file, 2, 'a', "OpusHead-", 0);
    const unsigned parts = static_cast<unsigned>(random() % 60);
    for (unsigned k = 0; k < parts; ++k) {
      add(file, words[random() % 12]);
      for (unsigned n = static_cast<unsigned>(random() % 70); n > 0; --n)
        file.push_back(static_cast<unsigned char>(random()));
      if (random() % 4 == 0) add_small(file);
      if (random() % 4 == 0) add_page(file, static_cast<int>(random() % 8), 'a', "x", 9);
    }
    CHECK(i % 2 == 0 ? mpeg(file).has_value() : !ogg(file).empty());
  }
}

}  // namespace

int main() {
  test_frames();
  test_what_is_between();
  test_pages();
  test_random_bytes();
  return failures();
}
