//! What every answer tells a browser, page by page: nothing runs, nothing is loaded from elsewhere, nobody frames us.

use std::collections::BTreeMap;

use skytier::adapters::http::guard::table::TABLE;

use crate::support::Daemon;
use crate::support::papers::Papers;
use crate::support::seeded;
use crate::support::text;

/// What browsers may keep, asking each time whether it still holds: the area's air, nothing about persons or enterprises.
const KEPT: [&str; 5] = ["/calendar", "/days/", "/targets", "/trends", "/v1/charts/"];

/// A path of the table with its parts filled in by something there is.
fn filled(template: &str) -> String {
    let parts = [
        ("{uscc}", "91999999MA1ABCDE8G"),
        ("{station}", "1999A"),
        ("{id}", "1999A"),
        ("{table}", "stations"),
        ("{period}", "2020-07"),
        ("{file}", "months.svg"),
        ("{date}", "2020-07-01"),
        ("{chart}", "hours"),
        ("{act}", "records"),
    ];
    let path = template.to_owned();
    parts
        .into_iter()
        .fold(path, |path, (name, value)| path.replace(name, value))
}

/// The answer to a path: status, headers by name, body.
fn get(url: &str) -> (u16, BTreeMap<String, String>, String) {
    let request = ureq::get(url).config().http_status_as_error(false).build();
    let answered = request.call();
    let mut response = answered.unwrap_or_else(|fault| panic!("{url}: {fault}"));
    let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    };
    let headers: BTreeMap<String, String> = response.headers().iter().map(header).collect();
    // A stream of events has no end.
    let page = headers
        .get("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    let body = match page {
        true => response.body_mut().read_to_string().expect("a page"),
        false => String::new(),
    };
    (response.status().as_u16(), headers, body)
}

/// Attributes of the tags of a page that a browser would run or style by.
fn inline(page: &str) -> Option<String> {
    let tags = page
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    let forbidden = |tag: &str| {
        let tag = tag.to_lowercase();
        let attribute = |word: &str| word.starts_with("on") && word.contains('=');
        let outside = |word: &str| {
            let link = [
                "src=\"http",
                "src=\"//",
                "href=\"javascript:",
                "action=\"http",
            ];
            link.iter().any(|start| word.starts_with(start)) || word.starts_with("style=")
        };
        let name = tag.split_whitespace().next().unwrap_or_default();
        let words = || tag.split_whitespace().skip(1);
        let of_ours = words().any(|word| word.starts_with("src=\"/assets/"));
        (name == "script" && !of_ours)
            || ["iframe", "object", "embed", "base"].contains(&name)
            || words().any(attribute)
            || words().any(outside)
    };
    let mut found = tags.filter(|tag| forbidden(tag));
    found.next().map(str::to_owned)
}

#[test]
fn every_path_says_what_a_browser_may_do_with_its_answer() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let paths = TABLE.iter().filter(|(method, ..)| *method == "GET");
    let paths = paths.map(|(_, template, _)| filled(template));
    let mut pages = 0;
    for path in paths.chain(["/nothing/here".to_owned(), "/?area=none".to_owned()]) {
        let (status, headers, body) = get(&format!("{}{path}", daemon.http));
        let header = |name: &str| {
            let value = headers.get(name);
            value
                .unwrap_or_else(|| panic!("{path} ({status}): no {name}"))
                .as_str()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert!(
            header("permissions-policy").contains("geolocation=()"),
            "{path}"
        );
        assert_eq!(
            header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert_eq!(
            header("cross-origin-resource-policy"),
            "same-origin",
            "{path}"
        );
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let scripts = policy.split(';').find(|part| part.contains("script-src"));
        let scripts = scripts.map_or("script-src 'self'", str::trim);
        assert_eq!(scripts, "script-src 'self'", "{path}");
        assert!(
            !headers.contains_key("strict-transport-security"),
            "{path}: came without TLS"
        );
        let kept = header("cache-control");
        let asset = path.starts_with("/assets/") || path == "/favicon.ico";
        let own = KEPT.iter().any(|start| path.starts_with(start));
        let expected = match own && status == 200 {
            true => "private, no-cache",
            false if path == "/openapi.json" => "no-cache",
            false => "no-store",
        };
        assert!(asset || kept == expected, "{path}: {kept}");
        assert!(!asset || kept.starts_with("public"), "{path}: {kept}");
        if header("content-type").starts_with("text/html") {
            pages += 1;
            assert_eq!(inline(&body), None, "{path}");
        }
    }
    assert!(pages >= 2, "{pages}");
    daemon.stop("TERM");
}

#[test]
fn the_check_of_pages_sees_what_would_run() {
    for (page, expected) in [
        ("<p>a</p><a href=\"/x\">b</a>", false),
        ("<script src=\"/assets/a.js\" defer></script>", false),
        ("<script>x()</script>", true),
        ("<script src=\"https://elsewhere/a.js\">", true),
        ("<p onclick=\"x()\">", true),
        ("<a href=\"javascript:x()\">", true),
        ("<img src=\"https://elsewhere/x\">", true),
        ("<p style=\"color:red\">", true),
        ("<p>one=1</p>", false),
    ] {
        assert_eq!(inline(page).is_some(), expected, "{page}");
    }
}

#[test]
fn by_tls_a_browser_is_told_to_stay_with_it() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let (cert, key) = (papers.path("server.crt"), papers.path("server.key"));
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0"),
            ("SKYTIER__HTTP__TLS__CERT", text(&cert)),
            ("SKYTIER__HTTP__TLS__KEY", text(&key)),
        ],
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let answer = runtime.block_on(async {
        let mut stream = papers.connect(daemon.https).await;
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        Papers::whole(&mut stream, request).await
    });
    let answer = answer.to_lowercase();
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    daemon.stop("TERM");
}
