//! A finished picture as PNG, twice as many pixels each way, in the embedded typeface alone: the same bytes on every
//! machine, with or without a Chinese font of its own.
//!
//! What a viewer of SVG reads out or shows as a tooltip, the picture's name and description, stands above it here. A
//! character that the typeface lacks is spelled out, as `[U+9F98]`.

use std::sync::Arc;
use std::sync::LazyLock;

use png::BitDepth;
use png::ColorType;
use png::DeflateCompression;
use png::Encoder;
use png::EncodingError;
use png::Filter;
use resvg::tiny_skia::Pixmap;
use resvg::tiny_skia::Transform;
use resvg::usvg::Options;
use resvg::usvg::Tree;
use resvg::usvg::fontdb::Source;

use crate::adapters::chart::font;
use crate::adapters::chart::font::HAN_TTF;
use crate::adapters::chart::sheet::escape;

/// Family of the embedded typeface, as its own name table has it.
const HAN_FAMILY: &str = "Skytier Han";
/// Pixels of the file for one of the picture.
const SCALE: f32 = 2.0;
/// Edge around words above the picture, and their sizes.
const EDGE_PX: i32 = 12;
const TITLE_PX: i32 = 17;
const NOTE_PX: i32 = 12;
/// Of 1 to 9: the next ones take twice as long for a fifth less.
const DEFLATE_LEVEL: u8 = 3;
/// Most lines of the description.
const NOTE_LINES_MAX: usize = 4;

static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_font_source(Source::Binary(Arc::new(HAN_TTF)));
    fonts.set_sans_serif_family(HAN_FAMILY);
    options
});

/// A picture of ours as a PNG file.
///
/// # Panics
/// Only when the text is no picture that this module's neighbours made.
pub fn png(svg: &str) -> Vec<u8> {
    let whole = crisp(&spelled(&captioned(svg)));
    let tree = Tree::from_str(&whole, &OPTIONS).expect("our pictures are well-formed");
    let size = tree.size().to_int_size();
    let size = size.scale_by(SCALE).expect("a picture has a size");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("it is small enough");
    let scale = Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    packed(&pixels).expect("pixels in memory are encoded")
}

/// The picture with the edges of its boxes on whole pixels. All boxes of ours stand there anyway, and without edges to be blended
/// most of a picture is filled line by line.
fn crisp(svg: &str) -> String {
    let mut parts = svg.split("<rect ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let round = part
            .split('>')
            .next()
            .is_some_and(|own| own.contains(" rx="));
        told.push_str("<rect ");
        if !round {
            told.push_str("shape-rendering=\"crispEdges\" ");
        }
        told.push_str(part);
    }
    told
}

/// A file of the pixels. They stand on a full ground, so nothing is lost with their opacity; and areas of one colour are found as
/// such without a filter, which took as long as all else.
fn packed(pixels: &Pixmap) -> Result<Vec<u8>, EncodingError> {
    let dots = pixels.pixels().iter();
    let colours: Vec<u8> = dots
        .flat_map(|dot| [dot.red(), dot.green(), dot.blue()])
        .collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_filter(Filter::NoFilter);
    encoder.set_deflate_compression(DeflateCompression::Level(DEFLATE_LEVEL));
    encoder.write_header()?.write_image_data(&colours)?;
    Ok(file)
}

/// The text with every character the typeface lacks spelled out.
fn spelled(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || font::has(c) {
            told.push(c);
        } else {
            told.push_str(&format!("[U+{:04X}]", u32::from(c)));
        }
    }
    told
}

/// What stands between two marks.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

/// The picture under its name and description.
fn captioned(svg: &str) -> String {
    let size = between(svg, "viewBox=\"0 0 ", "\"").expect("pictures say their size");
    let (width, height) = size.split_once(' ').expect("two numbers");
    let whole = |text: &str| -> i32 { text.parse().expect("a whole number") };
    let (width, height) = (whole(width), whole(height));
    let title = between(svg, "<title>", "</title>").unwrap_or_default();
    let note = between(svg, "<desc>", "</desc>").unwrap_or_default();
    let room = width - 2 * EDGE_PX;
    let mut words = String::new();
    let mut line = |y: i32, text: &str, size_px: i32, colour: &str| {
        words.push_str(&format!(
            "<text x=\"{EDGE_PX}\" y=\"{y}\" font-size=\"{size_px}\" fill=\"{colour}\">{}</text>",
            escape(text)
        ));
    };
    let mut top = EDGE_PX + TITLE_PX;
    for part in lines(&unescape(title), TITLE_PX, room, 2) {
        line(top - 2, &part, TITLE_PX, "#17222C");
        top += TITLE_PX + 5;
    }
    for part in lines(&unescape(note), NOTE_PX, room, NOTE_LINES_MAX) {
        line(top - 4, &part, NOTE_PX, "#52616F");
        top += NOTE_PX + 5;
    }
    let inner = svg.replacen(
        "width=\"100%\"",
        &format!("width=\"{width}\" height=\"{height}\" y=\"{top}\" overflow=\"visible\""),
        1,
    );
    let tall = top + height;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {tall}\" width=\"{width}\" height=\"{tall}\" \
         font-family=\"sans-serif\"><rect width=\"{width}\" height=\"{tall}\" fill=\"#FFFFFF\"/>{words}{inner}</svg>"
    )
}

/// The opposite of what makes a text safe.
fn unescape(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    let text = text.to_owned();
    pairs
        .into_iter()
        .fold(text, |text, (safe, plain)| text.replace(safe, plain))
}

/// A text in lines no wider than `room`, of which at most `most`; the last ends in an ellipsis where more follows. Lines
/// break at spaces or beside characters beyond Latin.
fn lines(text: &str, size_px: i32, room: i32, most: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in pieces(text) {
        let joined = format!("{line}{word}");
        let fits = font::width_px(joined.trim_end(), size_px) <= room as f32;
        if line.is_empty() || fits {
            line = joined;
        } else if lines.len() + 1 < most {
            lines.push(std::mem::replace(&mut line, word.trim_start().to_owned()));
        } else {
            line.push('…');
            break;
        }
    }
    lines.push(line);
    lines.retain(|line| !line.trim().is_empty());
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Words with the space behind them, and every character beyond Latin by itself.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut open = false;
    for c in text.chars() {
        let alone = u32::from(c) >= 0x2E80;
        match pieces.last_mut() {
            Some(piece) if open && !alone => piece.push(c),
            _ => pieces.push(c.to_string()),
        }
        open = !alone && !c.is_whitespace();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::SCALE;
    use super::crisp;
    use super::lines;
    use super::png;
    use super::spelled;
    use crate::adapters::chart::Size;
    use crate::adapters::chart::empty;
    use crate::adapters::chart::palette::Paint;
    use crate::adapters::chart::sheet;
    use crate::adapters::chart::sheet::Anchor;
    use crate::adapters::chart::sheet::Caption;
    use crate::adapters::chart::sheet::Frame;
    use crate::adapters::chart::sheet::Type;
    use crate::adapters::lang::Lang;
    use proptest::prelude::*;
    use resvg::tiny_skia::Pixmap;
    use resvg::usvg::Options;
    use resvg::usvg::Tree;

    #[test]
    fn boxes_have_edges_on_whole_pixels_unless_they_are_round() {
        for (svg, expected) in [
            (
                "<rect x=\"1\"/>",
                "<rect shape-rendering=\"crispEdges\" x=\"1\"/>",
            ),
            ("<rect x=\"1\" rx=\"2\"/>", "<rect x=\"1\" rx=\"2\"/>"),
            ("<g/><text>rect</text>", "<g/><text>rect</text>"),
        ] {
            assert_eq!(crisp(svg), expected);
        }
    }

    fn pixels(title: &str, note: &str) -> Pixmap {
        let file = png(&empty(Size::Narrow, title, note, Lang::Zh));
        Pixmap::decode_png(&file).expect("a PNG file")
    }

    #[test]
    fn a_character_beyond_the_typeface_is_spelled_out() {
        for (text, expected) in [
            ("华士镇", "华士镇"),
            ("\u{9F98}", "[U+9F98]"),
            ("站\u{1F600}", "站[U+1F600]"),
            ("\n", "\n"),
        ] {
            assert_eq!(spelled(text), expected);
        }
        // Drawn as its code: wider than the box that would stand for it.
        let ink = |text: &str| {
            let found = pixels(text, "");
            found.pixels().iter().filter(|dot| dot.red() < 0x80).count()
        };
        assert_eq!(ink("\u{9F98}"), ink("[U+9F98]"));
        assert_ne!(ink("\u{9F98}"), ink("\u{9F99}"));
    }

    #[test]
    fn chinese_is_drawn_by_the_typeface_that_comes_along() {
        let (one, other) = (pixels("优良天数", "无数据"), pixels("重度污染", "无数据"));
        assert_eq!(one.width(), (360.0 * SCALE) as u32);
        assert_eq!(one.width(), other.width());
        assert!(one.data() != other.data(), "different words look different");
        assert!(
            one.data() == pixels("优良天数", "无数据").data(),
            "twice the same"
        );
    }

    #[test]
    fn hostile_words_stay_words() {
        assert!(pixels("<b>\"&'", "</text><image href='file:///etc/passwd'/>").width() > 0);
    }

    /// A picture with a text in every place that takes one.
    fn written_all_over(text: &str) -> String {
        let caption = Caption {
            title: text,
            summary: text,
            watermark: Some(text),
        };
        sheet::draw((360, 120), caption, |pen| {
            let how = Type {
                size_px: 12,
                anchor: Anchor::Middle,
                bold: true,
                paint: Paint::Ink,
            };
            pen.text((180, 40), text, how);
            pen.text((180, 60), &sheet::fitted(text, 12, 100), how);
            pen.rimmed((180, 80), text, 12);
            let frame = Frame {
                x: 0,
                y: 0,
                width: 360,
                height: 120,
            };
            pen.hint(frame, text);
            pen.link(frame, text, text);
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever somebody is called, by whichever characters there are: the picture can be read, and is drawn.
        #[test]
        fn any_name_is_drawn(name in any::<String>(), strange in "[\u{0}-\u{8}\u{b}-\u{1f}\u{7f}-\u{9f}\u{300}-\u{36f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{590}-\u{5ff}\u{e000}\u{fffe}\u{ffff}\u{1f600}-\u{1f64f}\u{10ffff}]{0,12}") {
            let svg = written_all_over(&format!("{name}{strange}"));
            let read = Tree::from_str(&svg, &Options::default());
            prop_assert!(read.is_ok(), "{read:?}");
            prop_assert!(Pixmap::decode_png(&png(&svg)).is_ok());
        }
    }

    #[test]
    fn what_xml_forbids_is_seen_to_be_missing() {
        for forbidden in ["\u{0}", "\u{1b}", "\u{fffe}", "\u{ffff}"] {
            let svg = written_all_over(&format!("站{forbidden}名"));
            assert!(
                !svg.contains(forbidden) && svg.contains("站\u{fffd}名"),
                "{svg}"
            );
        }
        for kept in ["\u{301}", "\u{1F600}", "\u{202e}שלום", "\u{10ffff}"] {
            assert!(written_all_over(kept).contains(kept), "{kept:?}");
        }
    }

    #[test]
    fn long_descriptions_break_and_end_in_an_ellipsis() {
        assert_eq!(lines("", 12, 100, 2), Vec::<String>::new());
        assert_eq!(lines("一二三四五", 10, 30, 4), ["一二三", "四五"]);
        assert_eq!(lines("一二三四五六七", 10, 30, 2), ["一二三", "四五六…"]);
        assert_eq!(lines("one two", 10, 25, 4), ["one", "two"]);
    }
}
