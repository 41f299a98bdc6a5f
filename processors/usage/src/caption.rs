//! Short texts that describe a session or an error: one line, without credentials.

use sessionmill_contract::mask::mask;

/// The most characters of a title.
const TITLE: usize = 80;

/// The most characters of an error.
const ERROR: usize = 160;

/// The bytes that are searched for a caption; anything after them is ignored.
const HEAD: usize = 2000;

/// A title from the first line of a text that is not blank; `None` if there is none.
///
/// A line that only introduces the next one, such as `Implement the following plan:`, says little. So it is joined with
/// the next line, or left out if the next line is a heading.
pub fn title(text: &str) -> Option<Box<str>> {
    let lines = lines(text);
    let heading = |line: &str| line.trim_start_matches('#').trim_start().to_owned();
    let title = match &lines[..] {
        [] => return None,
        [first, next, ..] if first.ends_with(':') && next.starts_with('#') => heading(next),
        [first, next, ..] if first.ends_with(':') => format!("{} {next}", heading(first)),
        [first, ..] => heading(first),
    };
    (!title.is_empty()).then(|| shortened(&title, TITLE))
}

/// The first two lines of an error.
pub(crate) fn error(text: &str) -> Option<Box<str>> {
    let lines = lines(text);
    (!lines.is_empty()).then(|| shortened(&lines[..lines.len().min(2)].join(": "), ERROR))
}

/// The lines at the beginning of a text that are not blank. The text is masked as a whole, since a credential can span
/// several lines.
fn lines(text: &str) -> Vec<String> {
    let masked = mask(&text[..text.floor_char_boundary(HEAD)]);
    masked
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}

fn shortened(line: &str, most: usize) -> Box<str> {
    if line.chars().count() <= most {
        return line.into();
    }
    line.chars().take(most - 1).chain(['…']).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_is_one_line_without_credentials() {
        assert_eq!(title("\n  Oil\tthe   mill \nand sweep").as_deref(), Some("Oil the mill"));
        assert_eq!(title(" \n\t").as_deref(), None);
        assert_eq!(title("use password=hunter22 please").as_deref(), Some("use password=[masked] please"));
        for (text, expected) in [
            ("# Oil the mill\nfirst", "Oil the mill"),
            ("Implement the following plan:\n\n# Plan: oil\n\n## Why", "Plan: oil"),
            ("Do this:\n- oil\n- sweep", "Do this: - oil"),
            ("Do this:", "Do this:"),
        ] {
            assert_eq!(title(text).as_deref(), Some(expected));
        }
        assert_eq!(title("##").as_deref(), None);
        assert_eq!(error("Exit code 1\n\nno oil\nat line 7").as_deref(), Some("Exit code 1: no oil"));
        let long = title(&"é".repeat(3000)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (80, true));
        assert_eq!(title(&"é".repeat(80)).unwrap().chars().count(), 80);
    }
}
