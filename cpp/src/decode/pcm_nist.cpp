// SPDX-License-Identifier: MIT
// NIST SPHERE, the format of speech corpora: a header of lines of text, "name -type value".
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "decode/bytes.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kLeast = 16, kMost = Header::kWindow;  // bytes of a header that are read

// The digits at the beginning of a text, behind spaces; nothing if there are none.
std::optional<std::uint64_t> number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::optional<std::uint64_t> value;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    const std::uint64_t before = value.value_or(0);
    if (before > std::numeric_limits<std::uint64_t>::max() / 10 - 1) return std::nullopt;
    value = 10 * before + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// The header's lines behind the first two.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text.substr(0, text.find("\nend_head"))) {}

  // The value of a name: what stands behind its type, to the end of the line; nothing if there is
  // none. As libsndfile, it looks for the name anywhere.
  std::optional<std::string_view> operator[](const std::string& name) const {
    const std::size_t at = text_.find(name + " -");
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view line = text_.substr(at, text_.find('\n', at) - at);
    const std::size_t space = line.find(' ', name.size() + 2);
    if (space == std::string_view::npos) return std::nullopt;
    std::string_view value = line.substr(space + 1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\r')) value.remove_suffix(1);
    return value;
  }
  std::optional<std::uint64_t> count(const std::string& name) const {
    const auto value = (*this)[name];
    return value ? number(*value) : std::nullopt;
  }

 private:
  std::string_view text_;
};

std::optional<Encoding> encoding_of(std::string_view coding, std::uint64_t bytes) {
  if (coding == "pcm") return integers(bytes, false);
  if (coding == "alaw") return Encoding::kAlaw;
  if (coding == "ulaw" || coding == "mu-law") return Encoding::kUlaw;
  return std::nullopt;  // some are followed by ",embedded-shorten-v2.00"
}

}  // namespace

std::optional<PcmLayout> nist_layout(Header& header) {
  const unsigned char* p = header.at(0, kLeast);
  if (p == nullptr || !is(p, "NIST_1A\n")) return std::nullopt;
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kMost, header.size()));
  p = header.at(0, length);
  if (p == nullptr) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(p), length);
  const auto start = number(text.substr(8));
  if (!start || *start < kLeast || *start > header.size()) return std::nullopt;
  const Fields fields(text.substr(
      kLeast - 1,
      static_cast<std::size_t>(std::min<std::uint64_t>(*start, length)) - (kLeast - 1)));
  const std::string_view order = fields["sample_byte_format"].value_or("01");
  const bool little = std::string_view("0123").substr(0, order.size()) == order;
  const bool big =
      std::string_view("3210").substr(4 - std::min<std::size_t>(4, order.size())) == order;
  const std::uint64_t bytes =
      fields.count("sample_n_bytes").value_or(std::max<std::uint64_t>(1, order.size()));
  const auto encoding = encoding_of(fields["sample_coding"].value_or("pcm"), bytes);
  const auto channels = fields.count("channel_count"), sr = fields.count("sample_rate");
  if (!encoding || !channels || *channels == 0 || *channels > 0xffff || !sr) return std::nullopt;
  const bool several = bytes_of(*encoding) > 1;
  if (several && (order.size() < 2 || !(little || big))) return std::nullopt;
  if (fields["channels_interleaved"].value_or("TRUE") == "FALSE" && *channels > 1)
    return std::nullopt;
  const std::uint64_t frame = *channels * bytes_of(*encoding);
  const auto frames = fields.count("sample_count");
  const bool told = frames && *frames <= kUnknown / 2 / frame;
  const Extent extent = extent_to_end(header, *start, told ? *frames * frame : kUnknown, frame);
  return PcmLayout{"NIST", *encoding, several && big, *sr, *channels, *start, extent};
}

}  // namespace melpix::decode
