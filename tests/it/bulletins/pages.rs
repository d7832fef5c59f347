//! The printed page in a real browser: A4, no empty boxes, nothing loaded, hostile names harmless.

use std::fs;

use crate::browser::Browser;
use crate::browser::printed_pages;
use crate::bulletins::bulletin;
use crate::support;
use crate::support::text;

#[test]
fn a_half_year_is_one_page_of_a4_without_any_empty_box() {
    let (folder, data) = support::seeded(&["jiangyin"]);
    let mut browser = Browser::start(&folder.path().join("look"));
    for (period, lang, pages) in [
        ("2020-H1", "zh", 1),
        ("2020-H1", "en", 1),
        ("2020-06-30", "zh", 1),
        ("2020-06-30", "en", 1),
    ] {
        let page = folder.path().join(format!("{period}-{lang}.html"));
        let args = [
            "--area", "city", "--period", period, "--lang", lang, "--format", "html",
        ];
        let out = ["--out", text(&page)];
        assert_eq!(bulletin(&data, &[&args[..], &out[..]].concat()), "");
        assert_eq!(
            printed_pages(folder.path(), &format!("file://{}", page.display())),
            pages,
            "{period} {lang}"
        );
        for width_px in [1440, 390] {
            let found = browser.look(&format!("file://{}", page.display()), width_px, false);
            assert_eq!(found.complaints(), "", "{period} {lang} {width_px}");
            assert!(lang == "en" || found.characters > 100, "{found:?}");
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let (folder, data) = support::seeded(&["jiangyin"]);
    let hostile = "\"><script>alert(1)</script>&";
    let quoted = hostile.replace('"', "\"\"");
    let stations = folder.path().join("stations.csv");
    let table = format!(
        "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
         sim-1999A,\"{quoted}\",\"{quoted}\",national,120.268,31.920,true,test\n"
    );
    fs::write(&stations, table).unwrap();
    let entered = format!("stations={}", text(&stations));
    support::run(&["register", "--data", text(&data), &entered]);
    for lang in ["zh", "en"] {
        let args = ["--area", "city", "--period", "2020-06-30", "--lang", lang];
        let page = bulletin(&data, &[&args[..], &["--format", "html"]].concat());
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"),
            "{page}"
        );
        assert!(bulletin(&data, &args).contains(hostile));
        for banned in ["src=\"", "href=", "url(http", " style=\""] {
            assert!(!page.contains(banned), "{banned}");
        }
    }
}
