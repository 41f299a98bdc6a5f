//! The known names that may be meant by an unknown one.

use crate::base::error::{Error, Status};

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
