//! The characters of one page, cut out of the embedded typeface: a machine without a Chinese font loads some 100 kB with a
//! page instead of all 2 MB.
//!
//! The page's address of its own style sheet says which characters they are, so nothing is kept here. What a page shows
//! later, when figures change, may need others; the whole typeface stands behind it.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::adapters::bulletin::typeface::cut;
use crate::adapters::http::assets::CACHE;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;

/// Where a page's style sheet is; what follows names the characters.
pub(super) const SHEET: &str = "/assets/type.css?c=";
/// First character that is not left to the machine's own fonts.
const FIRST: char = '\u{2000}';
/// Most characters of an address.
const CHARACTERS_MAX: usize = 1_500;
/// Bits of a step in one byte; the highest says that more follow.
const BITS: u32 = 7;

/// The address's part for the characters of a page: steps from one to the next.
pub(super) fn named(page: &str) -> String {
    let characters: BTreeSet<char> = page.chars().filter(|c| *c >= FIRST).collect();
    let mut bytes = Vec::new();
    let mut before = 0;
    for c in characters.into_iter().take(CHARACTERS_MAX) {
        let mut step = u32::from(c) - before;
        before = u32::from(c);
        while step >> BITS > 0 {
            bytes.push((step & 0x7f) as u8 | 0x80);
            step >>= BITS;
        }
        bytes.push(step as u8);
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The characters that an address names.
fn read(text: &str) -> Option<BTreeSet<char>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (mut characters, mut at, mut step, mut shift) = (BTreeSet::new(), 0_u32, 0_u32, 0);
    for byte in bytes {
        step |= u32::from(byte & 0x7f).checked_shl(shift)?;
        shift += BITS;
        if byte & 0x80 == 0 {
            at = at.checked_add(step)?;
            characters.insert(char::from_u32(at)?);
            (step, shift) = (0, 0);
        }
    }
    (characters.len() <= CHARACTERS_MAX).then_some(characters)
}

fn asked(params: Params) -> Result<(String, BTreeSet<char>), Problem> {
    let params = params.only(&["c"])?;
    let text = params.text("c").unwrap_or("").to_owned();
    let characters =
        read(&text).ok_or_else(|| Problem::bad("c", "an address of a page's own is expected"))?;
    Ok((text, characters))
}

/// Serves `/assets/type.css` and `/assets/type.ttf`.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/assets/type.css", get(sheet))
        .route("/assets/type.ttf", get(file))
}

async fn sheet(params: Params) -> Result<Response, Problem> {
    let (text, _) = asked(params)?;
    let rule = format!(
        "@font-face{{font-family:\"Skytier Page\";src:url(\"/assets/type.ttf?c={text}\") format(\"truetype\");\
         font-display:swap;unicode-range:U+2000-2BFF,U+2E80-9FFF,U+FF00-FFEF}}"
    );
    Ok(served("text/css; charset=utf-8", rule.into_bytes()))
}

async fn file(params: Params) -> Result<Response, Problem> {
    let (_, characters) = asked(params)?;
    Ok(served(
        "font/ttf",
        tokio::task::block_in_place(|| cut(&characters)),
    ))
}

fn served(kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, CACHE)];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::named;
    use super::read;

    #[test]
    fn an_address_that_is_none_of_ours_names_nothing() {
        for (text, expected) in [
            ("", Some(0)),
            ("gEA", Some(1)),
            ("!", None),
            ("_____w8", None),
        ] {
            assert_eq!(read(text).map(|found| found.len()), expected, "{text}");
        }
        assert_eq!(named("PM2.5 only"), "");
    }

    proptest! {
        /// Whatever a page says, its address leads back to the characters beyond Latin.
        #[test]
        fn characters_lead_back(page in "[ -~\u{2000}-\u{2bff}\u{4e00}-\u{9fff}\u{20000}-\u{20100}]{0,200}") {
            let expected: BTreeSet<char> = page.chars().filter(|c| *c >= '\u{2000}').collect();
            prop_assert_eq!(read(&named(&page)), Some(expected));
        }
    }
}
