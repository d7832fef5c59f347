//! Who may ask for what: one row a path and method. A path without a row is served to nobody.

use axum::http::Method;

use crate::domain::access::Role;
use crate::domain::access::Roles;

/// Who a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever reaches us, without showing who that is.
    Anyone,
    /// Whoever has one of these roles. An enterprise gets only paths with its own code where there is one in them.
    Roles(Roles),
}

impl Who {
    /// Whether a role is among them.
    pub const fn has(self, role: Role) -> bool {
        match self {
            Self::Anyone => true,
            Self::Roles(roles) => roles.has(role),
        }
    }
}

/// A path as the router has it, a method, and who may ask.
pub type Row = (&'static str, &'static str, Who);

const ALL: Who = Who::Roles(Roles::ALL);
const OFFICES: Roles = Roles::of(&[Role::Town, Role::County, Role::Bureau, Role::Province]);
const COUNTY_UP: Roles = Roles::of(&[Role::County, Role::Bureau, Role::Province]);
const BUREAU_UP: Roles = Roles::of(&[Role::Bureau, Role::Province]);
const OVERSEERS: Roles = Roles::of(&[Role::Auditor, Role::Administrator]);
const INSIDE: Roles = OFFICES.and(OVERSEERS);
const OPERATOR: Roles = Roles::of(&[Role::Operator]);
const ADMINISTRATOR: Roles = Roles::of(&[Role::Administrator]);
const AUDITOR: Roles = Roles::of(&[Role::Auditor]);
const BANK: Roles = Roles::of(&[Role::Bank]);
const ENTERPRISE: Roles = Roles::of(&[Role::Enterprise]);
const PUBLIC: Roles = Roles::of(&[Role::Public]);
const STATION: Roles = Roles::of(&[Role::Station]);

/// Every path.
pub const TABLE: &[Row] = &[
    // For whoever watches over the program, and what is no secret.
    ("GET", "/healthz", Who::Anyone),
    ("GET", "/readyz", Who::Anyone),
    ("GET", "/v1/receipts/keys", Who::Anyone),
    ("GET", "/openapi.json", Who::Anyone),
    ("GET", "/docs", Who::Anyone),
    ("GET", "/assets/skytier.css", Who::Anyone),
    ("GET", "/assets/live.js", Who::Anyone),
    ("GET", "/assets/han.ttf", Who::Anyone),
    ("GET", "/assets/type.css", Who::Anyone),
    ("GET", "/assets/type.ttf", Who::Anyone),
    ("GET", "/assets/favicon.svg", Who::Anyone),
    ("GET", "/favicon.ico", Who::Anyone),
    (
        "GET",
        "/metrics",
        Who::Roles(OPERATOR.and(OVERSEERS).and(BUREAU_UP)),
    ),
    // Where people come in.
    ("GET", "/login", Who::Anyone),
    ("POST", "/login", Who::Anyone),
    ("POST", "/logout", Who::Anyone),
    ("GET", "/setup", Who::Anyone),
    ("POST", "/setup", Who::Anyone),
    ("GET", "/v1/whoami", ALL),
    ("GET", "/v1/audit", Who::Roles(OVERSEERS)),
    // Where access is given.
    ("GET", "/tokens", Who::Roles(OVERSEERS)),
    ("POST", "/tokens", Who::Roles(ADMINISTRATOR)),
    ("GET", "/users", Who::Roles(OVERSEERS)),
    ("POST", "/users", Who::Roles(ADMINISTRATOR)),
    ("GET", "/devices", Who::Roles(OVERSEERS)),
    ("POST", "/devices", Who::Roles(ADMINISTRATOR)),
    ("GET", "/mandates", Who::Roles(OVERSEERS)),
    ("POST", "/mandates", Who::Roles(ADMINISTRATOR)),
    ("GET", "/webhooks", Who::Roles(OVERSEERS)),
    ("POST", "/webhooks", Who::Roles(ADMINISTRATOR)),
    ("GET", "/audit", Who::Roles(OVERSEERS)),
    // Pages.
    ("GET", "/", Who::Roles(INSIDE)),
    ("GET", "/calendar", Who::Roles(INSIDE)),
    ("GET", "/days/{date}", Who::Roles(INSIDE)),
    ("GET", "/targets", Who::Roles(INSIDE)),
    ("GET", "/trends", Who::Roles(INSIDE)),
    ("GET", "/trends/{chart}", Who::Roles(INSIDE)),
    ("GET", "/stations", Who::Roles(INSIDE)),
    ("GET", "/stations/{id}", Who::Roles(INSIDE)),
    ("GET", "/bulletins", Who::Roles(INSIDE)),
    ("GET", "/restatements", Who::Roles(INSIDE)),
    ("GET", "/data", Who::Roles(INSIDE)),
    ("GET", "/commissioning/{id}", Who::Roles(INSIDE)),
    ("GET", "/year", Who::Roles(INSIDE)),
    ("GET", "/live", Who::Roles(INSIDE)),
    ("GET", "/lookups", Who::Roles(OVERSEERS)),
    (
        "GET",
        "/enterprises/{uscc}",
        Who::Roles(INSIDE.and(ENTERPRISE)),
    ),
    (
        "GET",
        "/enterprises/{uscc}/certificate",
        Who::Roles(INSIDE.and(BANK).and(ENTERPRISE)),
    ),
    ("GET", "/enterprises", Who::Roles(INSIDE)),
    ("GET", "/tiers", Who::Roles(INSIDE)),
    ("GET", "/changes", Who::Roles(INSIDE)),
    ("GET", "/v1/charts/{file}", Who::Roles(INSIDE)),
    // Air.
    ("GET", "/v1/air/now", ALL),
    ("GET", "/v1/air/hours", ALL),
    ("GET", "/v1/air/days", ALL),
    ("GET", "/v1/air/assessment", ALL),
    ("GET", "/v1/air/rose", ALL),
    ("GET", "/v1/air/ranking", ALL),
    ("GET", "/v1/air/targets", ALL),
    ("GET", "/v1/flags", ALL),
    ("GET", "/v1/stations", ALL),
    ("GET", "/v1/stations/{id}/readings", ALL),
    (
        "GET",
        "/v1/stations/{id}/gaps",
        Who::Roles(INSIDE.and(STATION).and(OPERATOR)),
    ),
    (
        "GET",
        "/v1/stations/{id}/completeness",
        Who::Roles(INSIDE.and(STATION).and(OPERATOR)),
    ),
    (
        "GET",
        "/v1/stations/{id}/corrections",
        Who::Roles(INSIDE.and(STATION).and(OPERATOR)),
    ),
    (
        "GET",
        "/v1/stations/{id}/qc",
        Who::Roles(INSIDE.and(STATION).and(OPERATOR)),
    ),
    ("GET", "/v1/bulletins/{period}", Who::Roles(INSIDE)),
    ("POST", "/v1/bulletins/{period}", Who::Roles(COUNTY_UP)),
    ("GET", "/v1/publications", Who::Roles(INSIDE)),
    ("POST", "/v1/publications", Who::Roles(COUNTY_UP)),
    ("GET", "/v1/restatements", Who::Roles(INSIDE)),
    // What people decide and register.
    ("GET", "/v1/reviews", Who::Roles(INSIDE)),
    ("POST", "/v1/reviews", Who::Roles(COUNTY_UP)),
    ("GET", "/v1/deletions", Who::Roles(INSIDE)),
    ("POST", "/v1/deletions", Who::Roles(BUREAU_UP)),
    ("GET", "/v1/registry/{table}", Who::Roles(INSIDE)),
    ("POST", "/v1/registry/{table}", Who::Roles(COUNTY_UP)),
    ("GET", "/v1/dead-letters", Who::Roles(INSIDE.and(OPERATOR))),
    (
        "GET",
        "/v1/dead-letters/{id}",
        Who::Roles(INSIDE.and(OPERATOR)),
    ),
    (
        "POST",
        "/v1/dead-letters/retry",
        Who::Roles(COUNTY_UP.and(OPERATOR)),
    ),
    // Tiers.
    ("GET", "/v1/enterprises", Who::Roles(INSIDE.and(BANK))),
    (
        "GET",
        "/v1/enterprises/{uscc}/tier",
        Who::Roles(INSIDE.and(BANK).and(ENTERPRISE).and(PUBLIC)),
    ),
    (
        "GET",
        "/v1/enterprises/{uscc}/certificate",
        Who::Roles(INSIDE.and(BANK).and(ENTERPRISE)),
    ),
    ("POST", "/v1/tiers/lookup", Who::Roles(INSIDE.and(BANK))),
    (
        "GET",
        "/v1/enterprises/{uscc}/history",
        Who::Roles(INSIDE.and(BANK).and(ENTERPRISE)),
    ),
    (
        "GET",
        "/v1/enterprises/{uscc}/records",
        Who::Roles(INSIDE.and(ENTERPRISE)),
    ),
    (
        "GET",
        "/v1/enterprises/{uscc}/what-if",
        Who::Roles(INSIDE.and(ENTERPRISE)),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/openings",
        Who::Roles(AUDITOR),
    ),
    ("GET", "/v1/disagreements", Who::Roles(INSIDE)),
    ("GET", "/v1/lookups", Who::Roles(OVERSEERS.and(BANK))),
    ("GET", "/v1/lookups/{id}", Who::Roles(INSIDE.and(BANK))),
    (
        "GET",
        "/v1/lookups/{id}/timestamp",
        Who::Roles(INSIDE.and(BANK)),
    ),
    (
        "POST",
        "/v1/lookups/{id}/timestamp",
        Who::Roles(OVERSEERS.and(BANK)),
    ),
    ("GET", "/v1/changes", Who::Roles(INSIDE.and(BANK))),
    ("GET", "/v1/snapshots/{file}", Who::Roles(INSIDE.and(BANK))),
    // Acts on the ledger.
    (
        "POST",
        "/v1/enterprises/{uscc}/records",
        Who::Roles(OFFICES),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/bonuses",
        Who::Roles(OFFICES.and(ENTERPRISE)),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/notifications",
        Who::Roles(OFFICES),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/applications",
        Who::Roles(OFFICES.and(ENTERPRISE)),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/objections",
        Who::Roles(OFFICES.and(ENTERPRISE)),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/revocations",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/repairs",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/settlements",
        Who::Roles(BUREAU_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/halts",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/resumptions",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/listings",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/delistings",
        Who::Roles(COUNTY_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/overrides",
        Who::Roles(BUREAU_UP),
    ),
    (
        "POST",
        "/v1/enterprises/{uscc}/officials",
        Who::Roles(BUREAU_UP),
    ),
    // An act by a form of the enterprise's page: who may do which is said above, once.
    (
        "POST",
        "/enterprises/{uscc}/acts",
        Who::Roles(OFFICES.and(ENTERPRISE)),
    ),
    // Acts that wait for a second person.
    ("GET", "/v1/pending", Who::Roles(BUREAU_UP.and(OVERSEERS))),
    ("POST", "/v1/pending/{id}/confirm", Who::Roles(BUREAU_UP)),
    ("POST", "/v1/pending/{id}/reject", Who::Roles(BUREAU_UP)),
    // Answers that there is no such act.
    ("POST", "/v1/enterprises/{uscc}/{act}", Who::Roles(OFFICES)),
];

/// What the table says of a path of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Who may ask.
    For(Who),
    /// The path takes other methods.
    OtherMethod,
    /// There is no row.
    Missing,
}

/// The rule for a path of the router; HEAD is GET.
#[must_use]
pub fn rule(method: &Method, path: &str) -> Rule {
    let method = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let own = || TABLE.iter().filter(|(_, of, _)| *of == path);
    match own().find(|(of, ..)| *of == method) {
        Some((.., who)) => Rule::For(*who),
        None if own().next().is_some() => Rule::OtherMethod,
        None => Rule::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_stands_twice() {
        for (at, (method, path, _)) in TABLE.iter().enumerate() {
            let again = |(other, of, _): &Row| (other, of) == (method, path);
            assert!(!TABLE[at + 1..].iter().any(again), "{method} {path}");
        }
    }

    #[test]
    fn a_path_without_a_row_is_for_nobody() {
        for (method, path, expected) in [
            (Method::GET, "/healthz", Rule::For(Who::Anyone)),
            (Method::HEAD, "/healthz", Rule::For(Who::Anyone)),
            (Method::POST, "/healthz", Rule::OtherMethod),
            (Method::GET, "/healthz/", Rule::Missing),
            (Method::GET, "/v1/everything", Rule::Missing),
        ] {
            assert_eq!(rule(&method, path), expected, "{method} {path}");
        }
    }
}
