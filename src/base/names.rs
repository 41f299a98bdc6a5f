//! Finds the known names that a short or unknown one may mean.

use crate::base::error::{Error, Result, Status, count};
use crate::base::printable::printable;
use sessionmill_contract::pattern::matches;

/// Number of known names that an error lists.
const LISTED: usize = 20;

/// The error for an unknown name. It lists known names and suggests the nearest.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return Error::new(Status::Usage, format!("unknown {what} `{name}`; there are none yet"));
    }
    let list = known.iter().take(LISTED).map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > LISTED { ", …" } else { "" };
    let error = Error::new(Status::Usage, format!("unknown {what} `{name}`; known: {list}{more}"));
    match nearest(name, known.into_iter()) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error,
    }
}

/// Number of ids that an error lists when a prefix is ambiguous.
const ALIKE: usize = 5;

/// The id that a prefix stands for, given all ids that start with it. An exact match wins. `None` if there are no ids.
///
/// # Errors
///
/// If several ids start with the prefix and none equals it.
pub fn whole(what: &str, beginning: &str, mut ids: Vec<String>) -> Result<Option<String>> {
    if ids.len() < 2 || ids.iter().any(|id| id == beginning) {
        let exact = ids.iter().position(|id| id == beginning).unwrap_or_default();
        return Ok((!ids.is_empty()).then(|| ids.swap_remove(exact)));
    }
    let first: Vec<_> = ids.iter().take(ALIKE).map(|id| format!("`{}`", printable(id))).collect();
    let more = if ids.len() > ALIKE { ", …" } else { "" };
    let message = format!("{} begin with `{}`", count(ids.len() as u64, what), printable(beginning));
    Err(Error::new(Status::Usage, message).hint(format!("{}{more}", first.join(", "))))
}

/// Number of names that [`likely`] returns.
const LIKELY: usize = 3;

/// The known names that a name may be a misspelling of, the likeliest first. Case is ignored.
pub fn likely<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    // Of a name of one or two letters, one wrong letter leaves too little to compare.
    let likeness = |known: &str| match strsim::osa_distance(known, &name) {
        0 => 2.0,
        1 if name.len() > 2 => 1.0,
        _ => strsim::jaro_winkler(known, &name),
    };
    let mut likely: Vec<_> = known.map(|known| (likeness(&known.to_lowercase()), known)).collect();
    likely.retain(|(likeness, _)| *likeness > 0.7);
    likely.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    likely.dedup();
    likely.into_iter().map(|(_, known)| known).take(LIKELY).collect()
}

/// The most similar known name, if it is similar enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.filter(|(likeness, _)| *likeness > 0.7).map(|(_, nearest)| nearest)
}

/// How well a short name matches a known one, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It is a prefix of the known name or of one of its parts: `opus-4` of `claude-opus-4-6`.
    Beginning,
    /// It is a pattern that matches the known name or a tail of its parts, or it is the last parts of a path.
    Pattern,
    Whole,
}

/// How well a short name matches a known one; `None` if it does not. A part begins after any character that is not a
/// letter or digit. Case is ignored. A name that a table has cut, and that has a `…`, is taken as a pattern.
pub fn fit(name: &str, known: &str) -> Option<Fit> {
    if name == known {
        return Some(Fit::Whole);
    }
    let (name, known) = (name.to_lowercase().replace('…', "*"), known.to_lowercase());
    let parts =
        known.char_indices().filter(|(_, c)| !c.is_alphanumeric() && *c != '*').map(|(at, c)| at + c.len_utf8());
    let mut ends = std::iter::once(0).chain(parts).filter_map(|at| known.get(at..)).filter(|end| !end.is_empty());
    if name.is_empty() {
        None
    } else if name.contains('*') {
        ends.any(|end| matches(&name, end)).then_some(Fit::Pattern)
    } else if known.strip_suffix(&name).is_some_and(|before| before.is_empty() || before.ends_with('/')) {
        Some(Fit::Pattern)
    } else {
        ends.any(|end| end.starts_with(&name)).then_some(Fit::Beginning)
    }
}

/// The known names with the best match.
pub fn best(known: &[String], fit: impl Fn(&String) -> Option<Fit>) -> Vec<String> {
    let fits: Vec<_> = known.iter().map(|known| (fit(known), known)).collect();
    let Some(best) = fits.iter().filter_map(|(fit, _)| *fit).max() else { return Vec::new() };
    fits.into_iter().filter(|(fit, _)| *fit == Some(best)).map(|(_, known)| known.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_fits_whole_or_by_a_pattern_or_by_its_beginning() {
        for (name, known, expected) in [
            ("claude-opus-4-6", "claude-opus-4-6", Some(Fit::Whole)),
            ("opus*", "claude-opus-4-6", Some(Fit::Pattern)),
            ("*opus*", "claude-opus-4-6", Some(Fit::Pattern)),
            ("Opus", "claude-opus-4-6", Some(Fit::Beginning)),
            ("opus-4", "claude-opus-4-6", Some(Fit::Beginning)),
            ("pus", "claude-opus-4-6", None),
            ("shop", "/home/ada/shop", Some(Fit::Pattern)),
            ("shop", "/home/ada/shop-old", Some(Fit::Beginning)),
            ("ada/shop", "/home/ada/shop", Some(Fit::Pattern)),
            ("ada/shop", "/home/ada/shop-old", Some(Fit::Beginning)),
            ("a/shop", "/home/ada/shop", None),
            ("…da/shop", "/home/ada/shop", Some(Fit::Pattern)),
            ("claude-opus…", "claude-opus-4-6", Some(Fit::Pattern)),
            ("ada", "Ada Lovelace", Some(Fit::Beginning)),
            ("love", "Ada Lovelace", Some(Fit::Beginning)),
            ("", "ada", None),
            ("aba", "ada", None),
        ] {
            assert_eq!(fit(name, known), expected, "{name} {known}");
        }
        let known = ["/a/shop", "/a/shop-old", "/b/shop"].map(str::to_owned);
        assert_eq!(best(&known, |known| fit("shop", known)), ["/a/shop", "/b/shop"]);
        assert_eq!(best(&known, |known| fit("shop-", known)), ["/a/shop-old"]);
    }
}
