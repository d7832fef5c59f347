//! What a page takes over the wire, with all it loads: no more than 300 kB, also on a machine without any Chinese font.

use std::collections::BTreeSet;
use std::io::Read;

use skytier::adapters::http::openapi::operations;

use crate::support::full::full;

/// Most bytes of a page with its style sheet, scripts and pictures.
const PAGE_BYTES_MAX: usize = 300_000;

/// Bytes over the wire, and the text they unpack to.
fn load(url: &str) -> (usize, String) {
    let request = ureq::get(url).header("accept-encoding", "gzip, br");
    let mut answer = request
        .call()
        .unwrap_or_else(|fault| panic!("{url}: {fault}"));
    let packed = answer
        .headers()
        .get("content-encoding")
        .is_some_and(|how| how == "gzip");
    let bytes = answer
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_vec();
    let bytes = bytes.expect("a body");
    let mut text = Vec::new();
    match packed {
        true => {
            let unpacked = flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut text);
            unpacked.expect("gzip");
        }
        false => text.clone_from(&bytes),
    }
    assert!(
        packed || bytes.len() < 2_000,
        "{url}: {} bytes not packed",
        bytes.len()
    );
    (bytes.len(), String::from_utf8(text).expect("UTF-8"))
}

/// Bytes of a file over the wire.
fn file(url: &str) -> usize {
    let request = ureq::get(url).header("accept-encoding", "gzip, br");
    let mut answer = request
        .call()
        .unwrap_or_else(|fault| panic!("{url}: {fault}"));
    let bytes = answer.body_mut().read_to_vec().expect("a body");
    assert!(
        bytes.len() > 5_000,
        "{url}: a font of {} bytes",
        bytes.len()
    );
    bytes.len()
}

/// Addresses of ours that a page loads by itself: of a picture in two sizes the one for desks.
fn loaded(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for tag in page.split('<').filter_map(|rest| rest.split('>').next()) {
        let attribute = match tag.split(' ').next() {
            Some("img" | "script") => " src=\"",
            Some("link") if !tag.contains("hreflang") => " href=\"",
            _ => continue,
        };
        let address = tag
            .split_once(attribute)
            .and_then(|(_, rest)| rest.split('"').next());
        found.extend(address.map(|address| address.replace("&amp;", "&")));
    }
    found.retain(|address| !address.contains("size=narrow"));
    found
}

#[test]
fn no_page_takes_more_than_it_may() {
    let site = &full().site;
    let mut seen = 0;
    for own in operations()
        .iter()
        .filter(|own| own.method == "GET" && own.group == "pages")
    {
        if own.answers.first().is_none_or(|first| first != "html") {
            continue;
        }
        let parts = [
            ("{uscc}", "91999999MA1X00076E"),
            ("{chart}", "hours"),
            ("{date}", "2016-12-20"),
            ("{id}", "Dongsi"),
        ];
        let mut path = own.path.clone();
        for (part, value) in parts {
            path = path.replace(part, value);
        }
        let area = if own.query.iter().any(|name| name == "area") {
            "?area=group:beijing6"
        } else {
            ""
        };
        let (mut bytes, page) = load(&format!("{}{path}{area}", site.http));
        let pieces = loaded(&page);
        assert!(
            pieces.iter().any(|piece| piece.contains(".css")),
            "{path}: {pieces:?}"
        );
        for piece in pieces {
            let (own, text) = load(&format!("{}{piece}", site.http));
            bytes += own;
            if let Some((_, font)) = text.split_once("/assets/type.ttf") {
                let (font, _) = font.split_once('"').expect("the address ends");
                bytes += file(&format!("{}/assets/type.ttf{font}", site.http));
            }
        }
        assert!(bytes <= PAGE_BYTES_MAX, "{path}{area} takes {bytes} bytes");
        seen += 1;
    }
    assert!(seen >= 15, "{seen}");
}
