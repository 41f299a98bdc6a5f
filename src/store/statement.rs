//! Finds where SQL statements begin and end, to count them and to split off an `EXPLAIN`. The database cannot be used
//! for that, because it would begin to run them. This module does not decide what a statement may do.

/// Both end a line comment.
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// The number of statements in a text. Blanks and comments do not count.
pub fn count(sql: &str) -> usize {
    let (mut rest, mut count, mut is_open) = (sql, 0, false);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if first.is_whitespace() => first.len_utf8(),
            '-' if rest.starts_with("--") => rest.find(LINE_ENDS).unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            ';' => {
                is_open = false;
                1
            }
            _ => {
                count += usize::from(!is_open);
                is_open = true;
                token(rest, first)
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    count
}

/// Splits a statement into the words of its `EXPLAIN`, rewritten here, and the statement that is explained. Comments
/// and blanks between them are dropped, so it does not matter whether DuckDB sees them at the same places as this
/// module.
pub fn explained(sql: &str) -> (String, &str) {
    let Some(mut rest) = after_word(sql, "EXPLAIN") else { return (String::new(), sql) };
    let mut words = String::from("EXPLAIN ");
    if let Some(behind) = after_word(rest, "ANALYZE") {
        words += "ANALYZE ";
        rest = behind;
    }
    let is_option = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '_' | ',');
    // A bracket that contains anything but words and commas belongs to the statement.
    match rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((options, behind)) if options.chars().all(is_option) && !behind.trim().is_empty() => {
            (format!("{words}({options}) "), behind)
        }
        _ => (words, rest),
    }
}

/// The text after a word, if the text begins with it. Comments before the word are skipped.
fn after_word<'s>(sql: &'s str, word: &str) -> Option<&'s str> {
    let mut rest = sql.trim_start();
    loop {
        let length = match rest {
            _ if rest.starts_with("--") => rest.find(LINE_ENDS).unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => comment(rest),
            _ => break,
        };
        rest = rest.get(length..)?.trim_start();
    }
    let (first, behind) = rest.split_at_checked(word.len())?;
    let ends = !behind.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (ends && first.eq_ignore_ascii_case(word)).then_some(behind)
}

/// The length of a comment. Comments can be nested.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let is_mark = rest.starts_with("/*") || rest.starts_with("*/");
        depth = if rest.starts_with("/*") { depth + 1 } else { depth.saturating_sub(usize::from(is_mark)) };
        at += if is_mark { 2 } else { rest.chars().next().map_or(1, char::len_utf8) };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a word, a quoted text, or a sign. A quote within a quoted text is doubled; reading it as two quoted
/// texts in a row gives the same length.
fn token(text: &str, first: char) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let end = |from: usize, quote: &str| {
        text.get(from..).and_then(|rest| rest.find(quote)).map_or(text.len(), |at| from + at + quote.len())
    };
    match first {
        '\'' => end(1, "'"),
        '"' => end(1, "\""),
        'e' | 'E' if text[1..].starts_with('\'') => escaped(text),
        '$' => {
            let tag = text[1..].find('$').map(|at| &text[..at + 2]);
            let is_tag = |tag: &str| tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
            tag.filter(|tag| is_tag(tag)).map_or(1, |tag| end(tag.len(), tag))
        }
        _ if is_word(first) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

/// The length of `E'…'`, in which a backslash escapes the next character.
fn escaped(text: &str) -> usize {
    let mut is_next = false;
    let is_end = |(_, c): &(usize, char)| {
        let is_end = *c == '\'' && !is_next;
        is_next = *c == '\\' && !is_next;
        is_end
    };
    text.char_indices().skip(2).find(is_end).map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_is_about_what_stands_behind_it() {
        for (sql, words, about) in [
            ("SELECT 1", "", "SELECT 1"),
            ("EXPLAIN SELECT 1", "EXPLAIN ", " SELECT 1"),
            (" -- why\n/* so */ explain analyze FROM t", "EXPLAIN ANALYZE ", " FROM t"),
            ("EXPLAIN (FORMAT json, ANALYZE) FROM t", "EXPLAIN (FORMAT json, ANALYZE) ", " FROM t"),
            ("EXPLAIN (SELECT 1)", "EXPLAIN ", " (SELECT 1)"),
            ("EXPLAIN ('x') SELECT 1", "EXPLAIN ", " ('x') SELECT 1"),
            ("EXPLAIN", "EXPLAIN ", ""),
            ("EXPLAINED", "", "EXPLAINED"),
            ("ANALYZE t", "", "ANALYZE t"),
            ("--\rDROP TABLE t; --\nEXPLAIN SELECT 1", "", "--\rDROP TABLE t; --\nEXPLAIN SELECT 1"),
            ("süß", "", "süß"),
        ] {
            assert_eq!(explained(sql), (words.to_owned(), about), "{sql}");
        }
    }

    #[test]
    fn a_semicolon_ends_a_statement_unless_it_is_quoted() {
        for (sql, statements) in [
            ("", 0),
            (" ;\n-- SELECT 1;\n/* ; /* ; */ ; */ ;", 0),
            ("SELECT 1", 1),
            ("SELECT 1; -- that is all;\n", 1),
            ("SELECT 1; SELECT 2", 2),
            ("SELECT 1;;SELECT 2;", 2),
            ("-- SELECT 1;\rSELECT 2; -- 3\nSELECT 4", 2),
            ("SELECT ';', 'it''s;', \"a;\"\";b\"", 1),
            ("SELECT E'it\\'s;', e'\\\\'", 1),
            ("SELECT E'\\\\'; SELECT 2", 2),
            ("SELECT 'E';';E'", 2),
            ("SELECT $$a;'b$$, $tag$;$$;$tag$", 1),
            ("SELECT $1; SELECT $2", 2),
            ("SELECT a$b; SELECT a$b", 2),
            ("SELECT 'never closed; ü", 1),
            ("SELECT 1 - - 1 / 2 * 'ü' /* never closed; ü", 1),
        ] {
            assert_eq!(count(sql), statements, "{sql}");
        }
    }
}
