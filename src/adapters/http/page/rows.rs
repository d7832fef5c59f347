//! The rows behind a page's tables as CSV: every table of figures has a link to them beside it, and they are read from the
//! page itself, so that the two cannot differ.

use std::ops::Range;

use crate::adapters::cells::Cells;

/// A table of a page.
struct Found {
    /// Its block's anchor; a further table of the block has its number behind.
    name: String,
    /// Where it stands, with its marks.
    at: Range<usize>,
}

/// The anchor of the block that begins in a tag.
fn anchor(tag: &str) -> Option<&str> {
    let (_, rest) = tag.split_once(" id=\"")?;
    rest.split('"').next()
}

/// The tables of a page, in order.
fn tables(page: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let (mut block, mut count) = ("table", 0);
    let mut from = 0;
    while let Some(at) = page[from..].find('<').map(|at| from + at) {
        let tag = page[at..].split('>').next().unwrap_or_default();
        from = at + tag.len().max(1);
        if tag.starts_with("<section") || tag.starts_with("<article") {
            if let Some(own) = anchor(tag) {
                (block, count) = (own, 0);
            }
        } else if tag == "<table" || tag.starts_with("<table ") {
            let close = "</table>";
            let Some(end) = page[at..].find(close) else {
                break;
            };
            from = at + end + close.len();
            count += 1;
            let name = match count {
                1 => block.to_owned(),
                _ => format!("{block}-{count}"),
            };
            found.push(Found { name, at: at..from });
        }
    }
    found
}

/// Where a link to a table's rows stands: behind what the table scrolls or is folded away in.
fn behind(page: &str, table: &Range<usize>) -> usize {
    let wrapper = page[..table.start].rfind('<').map(|at| &page[at..]);
    let scrolls = ["<div class=\"scroll", "<div class=\"across"];
    let wrapped = wrapper.is_some_and(|tag| scrolls.iter().any(|lead| tag.starts_with(lead)));
    let mut at = table.end;
    for (close, is_there) in [("</div>", wrapped), ("</details>", true)] {
        if is_there && page[at..].starts_with(close) {
            at += close.len();
        }
    }
    at
}

/// The page with a link beside every table that has none; `address` is the page's own without `csv`.
pub(super) fn with_links(page: &str, address: &str, words: &str) -> String {
    let found = tables(page);
    let mut whole = String::with_capacity(page.len() + found.len() * 128);
    let mut done = 0;
    for (at, own) in found.iter().enumerate() {
        let rest = &page[own.at.end..found.get(at + 1).map_or(page.len(), |next| next.at.start)];
        let block = ["<section", "<article"]
            .iter()
            .filter_map(|lead| rest.find(lead))
            .min();
        if rest[..block.unwrap_or(rest.len())].contains("class=\"csv\"") {
            continue;
        }
        let place = behind(page, &own.at);
        whole.push_str(&page[done..place]);
        let address = address.replace('&', "&amp;");
        whole.push_str(&format!(
            "<p class=\"csv\"><a href=\"{address}&amp;csv={}\" download>{words}</a></p>",
            own.name
        ));
        done = place;
    }
    whole.push_str(&page[done..]);
    whole
}

/// A text between marks as it was before it was written there.
fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// The cells of a table by rows.
fn cells(table: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut cell: Option<String> = None;
    for piece in table.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        match tag.split(' ').next().unwrap_or_default() {
            "tr" => rows.push(Vec::new()),
            "th" | "td" => cell = Some(String::new()),
            "/th" | "/td" => {
                let words = cell.take().unwrap_or_default();
                let words: Vec<&str> = words.split_whitespace().collect();
                rows.last_mut()
                    .into_iter()
                    .for_each(|row| row.push(words.join(" ")));
            }
            // What begins a line of its own stands apart.
            "br" | "p" | "li" => cell.iter_mut().for_each(|cell| cell.push(' ')),
            _ => {}
        }
        if let Some(cell) = &mut cell {
            cell.push_str(&plain(text));
        }
    }
    rows
}

/// The rows of a page's table by its name, the heads first; `None` when there is none of that name.
pub fn csv(page: &str, name: &str) -> Option<Vec<u8>> {
    let found = tables(page).into_iter().find(|own| own.name == name)?;
    let mut writer = Cells::new(Vec::new());
    for row in cells(&page[found.at]) {
        writer.write_record(&row).ok()?;
    }
    writer.into_inner().ok()
}

#[cfg(test)]
mod tests {
    use super::csv;
    use super::with_links;

    const PAGE: &str = "<section class=\"card\" id=\"a\"><h2>t</h2><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>\
        <th scope=\"col\">Day</th><th class=\"number\">AQI &amp; level</th></tr></thead><tbody><tr><th scope=\"row\">\
        <a href=\"/x\">1 May</a></th><td data-label=\"x\"><b>17</b> <small>µg/m³</small><br>=1+1</td></tr></tbody></table></div>\
        </section><section class=\"card\" id=\"b\"><details><summary>s</summary><table><tr><td>1</td></tr></table></details>\
        <table><tr><td>2</td></tr></table><p class=\"csv\"><a href=\"/own\">own</a></p></section>";

    #[test]
    fn every_table_has_a_link_behind_what_it_stands_in() {
        let page = with_links(PAGE, "/p?area=x&lang=en", "CSV");
        let link = |name: &str| {
            format!(
                "<p class=\"csv\"><a href=\"/p?area=x&amp;lang=en&amp;csv={name}\" download>CSV</a></p>"
            )
        };
        assert!(
            page.contains(&format!("</table></div>{}", link("a"))),
            "{page}"
        );
        assert!(page.contains(&format!("</details>{}", link("b"))), "{page}");
        assert_eq!(page.matches("class=\"csv\"").count(), 3, "{page}");
        assert_eq!(with_links(&page, "/p?", "CSV"), page, "once");
    }

    #[test]
    fn rows_are_those_of_the_page() {
        let rows = |name: &str| csv(PAGE, name).map(|rows| String::from_utf8(rows).expect("UTF-8"));
        assert_eq!(
            rows("a").as_deref(),
            Some("Day,AQI & level\n1 May,17 µg/m³ =1+1\n")
        );
        assert_eq!(rows("b").as_deref(), Some("1\n"));
        assert_eq!(rows("b-2").as_deref(), Some("2\n"));
        assert_eq!(rows("c"), None);
    }
}
