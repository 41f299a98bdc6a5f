//! Matches the sources that a run names with the sources that a database knows. Pure.
//!
//! A source is identified by its root folder. Its name is only what the database and the configuration call it. So
//! roots are compared first, then names:
//! | the database knows | the run names | result |
//! | --- | --- | --- |
//! | root `R` as `a` | root `R` as `a` | it is walked |
//! | root `R` as `a` | root `R` as `b` | it is renamed; refused if another source in use is called `b` |
//! | root `R` with another layout or user | root `R` | refused: its files would get other names; with adopt, they do |
//! | `a` at root `R` | `a` at root `S`, and no source at `R` | refused: it may have moved; with adopt: moved |
//! | all its sources are named | a new name and root | it is added |
//! | a source that is not named | a new name and root | refused: it may have moved; with adopt and one of each: moved |
//! | `a` at root `R` | neither `a` nor `R` | it is left out, with an alarm, until it is retired |
//! | `a` at root `R`, retired | root `R` | it is in use again |
//! | `a`, retired | `a` at another root | as if `a` were unknown; the retired source gets another name |
//! | | the same root twice | the second one is refused |
//!
//! A refusal affects only its own source: the others are walked. Then the state of the root decides:
//!
//! | the root | result |
//! | --- | --- |
//! | can be listed | as above |
//! | is missing or cannot be listed, known | an alarm; its files are not treated as deleted, and keep their names |
//! | is missing or cannot be listed, new | an alarm; it is not remembered, so that a wrong path can be corrected |
//! | is empty or on another device, but had files before | it is frozen, with an alarm, until it is back or adopted |
//! | of a retired source | not looked at |
//!
//! Data from a source that is retired or left out is kept. Its files give up their names: see `store::namesakes`.

use crate::source::Source;
use std::collections::BTreeSet;
use std::path::Path;

/// A source that the database knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub source: Source,
    pub is_retired: bool,
}

/// A source that a run names, with links in its root resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub source: Source,
    /// Whether its root could be listed. If not, the source is never added or moved.
    pub is_there: bool,
}

/// How a named source matches the known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceMatch {
    /// It is new.
    Added,
    /// It is the known source at this position, which gets the new name, root and layout.
    Is(usize),
    Refused(Misalignment),
    /// Its root cannot be listed, and the database does not know it.
    Unknown,
}

/// Why a source is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misalignment {
    /// The known source at this position has its root but another layout.
    Layout(usize),
    /// The known source at this position has its root and layout but another user.
    User(usize),
    /// The known source at this position has its name but another root.
    Elsewhere(usize),
    /// The known source at this position has its name and is in use.
    Taken(usize),
    /// It is new, while known sources are not named.
    New,
    /// The run names its root twice, first at this position.
    Twice(usize),
}

/// The result of matching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alignment {
    /// One match per named source, in the same order.
    pub matches: Vec<SourceMatch>,
    /// Positions of known sources in use that the run does not name.
    pub left_out: Vec<usize>,
}

/// Matches the named sources with the known ones. `adopt` confirms that a folder has moved.
pub fn align(known: &[Known], wanted: &[Wanted], adopt: bool) -> Alignment {
    let first = |root: &Path| wanted.iter().position(|wanted| wanted.source.root == root);
    let found = |(place, wanted): (usize, &Wanted)| match first(&wanted.source.root) {
        Some(first) if first < place => Some(SourceMatch::Refused(Misalignment::Twice(first))),
        _ => by_root(known, &wanted.source, adopt),
    };
    let mut matches: Vec<Option<SourceMatch>> = wanted.iter().enumerate().map(found).collect();
    let is_root_of = |matches: &[Option<SourceMatch>], number: usize| {
        matches.iter().flatten().any(|found| found.known() == Some(number))
    };
    let in_use = || known.iter().enumerate().filter(|(_, known)| !known.is_retired);
    let mut left: Vec<usize> =
        in_use().map(|(number, _)| number).filter(|number| !is_root_of(&matches, *number)).collect();
    for (found, Wanted { source, is_there }) in matches.iter_mut().zip(wanted).filter(|(found, _)| found.is_none()) {
        let Some(place) = left.iter().position(|number| known[*number].source.name == source.name) else { continue };
        let number = left.remove(place);
        *found = Some(match () {
            () if !is_there => SourceMatch::Unknown,
            () if adopt => SourceMatch::Is(number),
            () => SourceMatch::Refused(Misalignment::Elsewhere(number)),
        });
    }
    let is_new = |(found, wanted): &(&mut Option<SourceMatch>, &Wanted)| found.is_none() && wanted.is_there;
    let new = matches.iter_mut().zip(wanted).filter(is_new).count();
    for (found, Wanted { is_there, .. }) in matches.iter_mut().zip(wanted).filter(|(found, _)| found.is_none()) {
        *found = Some(match left[..] {
            _ if !is_there => SourceMatch::Unknown,
            [] => SourceMatch::Added,
            [number] if adopt && new == 1 => SourceMatch::Is(number),
            _ => SourceMatch::Refused(Misalignment::New),
        });
    }
    let mut matches: Vec<SourceMatch> =
        matches.into_iter().map(|found| found.unwrap_or(SourceMatch::Unknown)).collect();
    left.retain(|number| !matches.contains(&SourceMatch::Is(*number)));
    refuse_taken_names(known, wanted, &mut matches);
    Alignment { matches, left_out: left }
}

/// The known source with this root; one in use before a retired one.
fn by_root(known: &[Known], source: &Source, adopt: bool) -> Option<SourceMatch> {
    let same =
        |is_retired| known.iter().position(|known| known.is_retired == is_retired && known.source.root == source.root);
    let number = same(false).or_else(|| same(true))?;
    let Known { source: before, is_retired } = &known[number];
    Some(match () {
        () if adopt || *is_retired => SourceMatch::Is(number),
        () if before.layout != source.layout => SourceMatch::Refused(Misalignment::Layout(number)),
        () if before.user != source.user => SourceMatch::Refused(Misalignment::User(number)),
        () => SourceMatch::Is(number),
    })
}

/// Refuses a source whose name belongs to another known source. Such a refusal can mean that one more known source
/// keeps its name, so this repeats until nothing changes.
fn refuse_taken_names(known: &[Known], wanted: &[Wanted], matches: &mut [SourceMatch]) {
    loop {
        let keeps = |number: usize| !known[number].is_retired && !matches.contains(&SourceMatch::Is(number));
        let taken = matches.iter().zip(wanted).enumerate().find_map(|(place, (found, wanted))| {
            let has_name = |number: &usize| known[*number].source.name == wanted.source.name && keeps(*number);
            let number = (0..known.len()).find(has_name)?;
            matches!(found, SourceMatch::Added | SourceMatch::Is(_)).then_some((place, number))
        });
        match taken {
            Some((place, number)) => matches[place] = SourceMatch::Refused(Misalignment::Taken(number)),
            None => return,
        }
    }
}

impl Wanted {
    /// A source that a run names. `is_there`: its root could be listed.
    pub fn new(source: &Source, is_there: bool) -> Self {
        Self { source: source.real(), is_there }
    }
}

impl SourceMatch {
    fn known(&self) -> Option<usize> {
        match self {
            Self::Is(number) | Self::Refused(Misalignment::Layout(number) | Misalignment::User(number)) => {
                Some(*number)
            }
            _ => None,
        }
    }
}

impl Alignment {
    /// What the database knows afterwards: the known sources in their order, then the added ones.
    pub fn known(&self, known: &[Known], wanted: &[Wanted]) -> Vec<Known> {
        let mut after = known.to_vec();
        for (found, wanted) in self.matches.iter().zip(wanted) {
            let source = wanted.source.clone();
            match found {
                SourceMatch::Is(number) => after[*number] = Known { source, is_retired: false },
                SourceMatch::Added => after.push(Known { source, is_retired: false }),
                SourceMatch::Refused(_) | SourceMatch::Unknown => {}
            }
        }
        let in_use: BTreeSet<String> = after.iter().filter(|known| !known.is_retired).map(Known::name).collect();
        let mut names: BTreeSet<String> = after.iter().map(Known::name).collect();
        for known in after.iter_mut().filter(|known| known.is_retired && in_use.contains(&known.source.name)) {
            known.source.name = free(&names, &known.source.name);
            names.insert(known.source.name.clone());
        }
        after
    }
}

impl Known {
    fn name(&self) -> String {
        self.source.name.clone()
    }
}

/// An unused name for a retired source.
fn free(names: &BTreeSet<String>, name: &str) -> String {
    let more = (2..).map(|number: u32| format!("{name}-retired-{number}"));
    let mut wishes = std::iter::once(format!("{name}-retired")).chain(more);
    wishes.find(|name| !names.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Layout;

    fn source(text: &str) -> Source {
        let (name, root) = text.split_once(':').unwrap();
        let (root, user) = root.split_once('@').map_or((root, None), |(root, user)| (root, Some(user.to_owned())));
        let (root, layout) = match root.strip_suffix('*') {
            Some(root) => (root, Layout::ClaudeProjects),
            None => (root, Layout::Users),
        };
        Source { user, ..Source::new(name, root, layout) }
    }

    /// Parses sources by name, root and user. A leading `-` means retired, or not there.
    fn known(text: &str) -> Vec<Known> {
        let known =
            |text: &str| Known { source: source(text.trim_start_matches('-')), is_retired: text.starts_with('-') };
        text.split_whitespace().map(known).collect()
    }

    fn wanted(text: &str) -> Vec<Wanted> {
        let wanted =
            |text: &str| Wanted { source: source(text.trim_start_matches('-')), is_there: !text.starts_with('-') };
        text.split_whitespace().map(wanted).collect()
    }

    fn shown(known: &[Known]) -> String {
        let one = |Known { source: Source { name, root, layout, user }, is_retired }: &Known| {
            let (minus, star) = (if *is_retired { "-" } else { "" }, if *layout == Layout::Users { "" } else { "*" });
            let user = user.iter().map(|user| format!("@{user}")).collect::<String>();
            format!("{minus}{name}:{}{star}{user}", root.display())
        };
        known.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// What is known afterwards, what is refused, and what is left out.
    fn aligned(before: &str, named: &str, adopt: bool) -> (String, String, String) {
        let (before, named) = (known(before), wanted(named));
        let alignment = align(&before, &named, adopt);
        let refused = alignment.matches.iter().zip(&named).filter_map(|(found, wanted)| match found {
            SourceMatch::Refused(refusal) => Some(format!("{} {refusal:?}", wanted.source.name)),
            SourceMatch::Unknown => Some(format!("{} unknown", wanted.source.name)),
            _ => None,
        });
        let refused = refused.collect::<Vec<_>>().join(", ");
        let left = alignment.left_out.iter().map(|number| before[*number].name()).collect::<Vec<_>>().join(" ");
        (shown(&alignment.known(&before, &named)), refused, left)
    }

    #[test]
    fn each_line_of_the_table() {
        for (before, named, after, refused, left) in [
            ("", "a:/A b:/B", "a:/A b:/B", "", ""),
            ("a:/A", "a:/A", "a:/A", "", ""),
            ("a:/A", "b:/A", "b:/A", "", ""),
            ("a:/A b:/B", "b:/A a:/B", "b:/A a:/B", "", ""),
            ("a:/A b:/B", "b:/A", "a:/A b:/B", "b Taken(1)", "b"),
            ("a:/A", "a:/A*", "a:/A", "a Layout(0)", ""),
            ("a:/A*", "a:/A*@ada", "a:/A*", "a User(0)", ""),
            ("a:/A*@ada", "a:/A*@bob", "a:/A*@ada", "a User(0)", ""),
            ("a:/A*@ada", "a:/A*@ada", "a:/A*@ada", "", ""),
            ("a:/A", "a:/B", "a:/A", "a Elsewhere(0)", ""),
            ("a:/A", "a:/A b:/B", "a:/A b:/B", "", ""),
            ("a:/A", "c:/A b:/B", "c:/A b:/B", "", ""),
            ("a:/A b:/B", "a:/A c:/C", "a:/A b:/B", "c New", "b"),
            ("a:/A b:/B", "a:/A", "a:/A b:/B", "", "b"),
            ("a:/A b:/B", "a:/A -b:/B", "a:/A b:/B", "", ""),
            ("a:/A", "a:/A -b:/B", "a:/A", "b unknown", ""),
            ("a:/A", "-a:/B c:/C", "a:/A c:/C", "a unknown", ""),
            ("a:/A", "a:/A b:/A", "a:/A", "b Twice(0)", ""),
            ("-a:/A", "a:/A", "a:/A", "", ""),
            ("-a:/A", "b:/A", "b:/A", "", ""),
            ("-a:/A", "a:/B", "-a-retired:/A a:/B", "", ""),
            ("-a:/A -a-retired:/C", "a:/B", "-a-retired-2:/A -a-retired:/C a:/B", "", ""),
            ("a:/A -b:/B", "c:/A b:/C", "c:/A -b-retired:/B b:/C", "", ""),
            ("a:/A -b:/B", "b:/A", "b:/A -b-retired:/B", "", ""),
        ] {
            let expected = (after.to_owned(), refused.to_owned(), left.to_owned());
            assert_eq!(aligned(before, named, false), expected, "{before} / {named}");
        }
    }

    #[test]
    fn a_tree_that_has_moved_is_adopted_if_there_is_no_other_that_it_can_be() {
        for (before, named, after, refused, left) in [
            ("a:/A", "a:/B", "a:/B", "", ""),
            ("a:/A", "b:/B", "b:/B", "", ""),
            ("a:/A", "a:/B*", "a:/B*", "", ""),
            ("a:/A", "a:/A*", "a:/A*", "", ""),
            ("a:/A b:/B", "a:/A c:/C", "a:/A c:/C", "", ""),
            ("a:/A b:/B", "c:/C", "a:/A b:/B", "c New", "a b"),
            ("a:/A b:/B", "b:/C", "a:/A b:/C", "", "a"),
            ("a:/A", "b:/B c:/C", "a:/A", "b New, c New", "a"),
            ("a:/A", "b:/B -c:/C", "b:/B", "c unknown", ""),
            ("a:/A", "-a:/B", "a:/A", "a unknown", ""),
        ] {
            let expected = (after.to_owned(), refused.to_owned(), left.to_owned());
            assert_eq!(aligned(before, named, true), expected, "{before} / {named}");
        }
    }

    /// All lists of at most three sources with distinct names and roots, some of them marked.
    fn lists() -> Vec<String> {
        let mut lists = vec![String::new()];
        for name in ["a", "b", "c"] {
            let longer = |list: &String| {
                let roots = ["/A", "/B", "/C"].into_iter().filter(|root| !list.contains(root)).collect::<Vec<_>>();
                let marked =
                    roots.into_iter().flat_map(|root| ["", "-"].map(|mark| format!("{list} {mark}{name}:{root}")));
                marked.collect::<Vec<_>>()
            };
            lists.extend(lists.iter().flat_map(longer).collect::<Vec<_>>());
        }
        lists
    }

    #[test]
    fn whatever_is_named_nothing_is_lost_mixed_or_read_twice() {
        let lists = lists();
        assert!(lists.len() > 100);
        for (before, named) in lists.iter().flat_map(|before| lists.iter().map(move |named| (before, named))) {
            for adopt in [false, true] {
                let about = (before, named, adopt);
                let (before, named) = (known(before), wanted(named));
                let alignment = align(&before, &named, adopt);
                let after = alignment.known(&before, &named);
                assert!(after.len() >= before.len(), "{about:?}");
                let is_pair = |a: &Known, b: &Known| a.source.root == b.source.root && !a.is_retired && !b.is_retired;
                for (number, one) in after.iter().enumerate() {
                    let others = &after[number + 1..];
                    assert!(others.iter().all(|other| other.source.name != one.source.name), "{about:?}");
                    assert!(!others.iter().any(|other| is_pair(one, other)), "{about:?}");
                }
                for (found, wanted) in alignment.matches.iter().zip(&named) {
                    let is_walked = matches!(found, SourceMatch::Added | SourceMatch::Is(_));
                    let is_known = after.iter().any(|known| !known.is_retired && known.source == wanted.source);
                    assert!(!is_walked || is_known, "{about:?}");
                    assert!(wanted.is_there || *found != SourceMatch::Added, "{about:?}");
                }
                for (number, (old, new)) in before.iter().zip(&after).enumerate() {
                    assert!(adopt || old.source.root == new.source.root, "a tree moves by itself: {about:?}");
                    let is_named =
                        named.iter().any(|w| w.source.root == old.source.root || w.source.name == old.source.name);
                    assert!(!old.is_retired || new.is_retired || is_named, "{about:?}");
                    let is_left = alignment.left_out.contains(&number);
                    assert!(!is_left || !old.is_retired && old == new, "{about:?}");
                    assert!(old.is_retired || is_named || is_left || old != new, "nobody hears of it: {about:?}");
                }
                // The same run again changes nothing and refuses the same sources.
                let again = align(&after, &named, false);
                assert_eq!(again.known(&after, &named), after, "{about:?}");
                let refused = |alignment: &Alignment| {
                    let is_walked = |found: &SourceMatch| matches!(found, SourceMatch::Added | SourceMatch::Is(_));
                    alignment.matches.iter().map(is_walked).collect::<Vec<_>>()
                };
                assert_eq!(refused(&again), refused(&alignment), "{about:?}");
            }
        }
    }
}
