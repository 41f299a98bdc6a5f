//! The known names that may be meant by an unknown one.

use crate::base::error::{Error, Result, Status, count};
use crate::base::printable::printable;

/// Known names that an error lists.
const LISTED: usize = 20;

/// An error for a name that is none of the known ones.
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

/// Ids that an error lists, of those that begin alike.
const ALIKE: usize = 5;

/// The id that is meant by its beginning, among all ids that begin so. `None` if there are none.
///
/// # Errors
///
/// If there are several, and it is none of them.
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

/// Names that [`likely`] returns.
const LIKELY: usize = 3;

/// The known names that may be meant by another one, the likeliest first. The case of letters does not count.
pub fn likely<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    // Of a short name with one letter wrong, too little is left to be like it.
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

/// The known name that is so like another one that it may be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.filter(|(likeness, _)| *likeness > 0.7).map(|(_, nearest)| nearest)
}
