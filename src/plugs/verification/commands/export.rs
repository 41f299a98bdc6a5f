//! `sessionmill knowledge export`: knowledge for other programs and for people.

use super::Which;
use super::show::{grounds, status};
use crate::base::error::{Result, Status};
use crate::base::printable::printable;
use crate::command::print;
use crate::identities::Identities;
use crate::plug::Context;
use crate::plugs::verification::report::knowledge::{self, Item, Piece};
use crate::store::reader::Reader;
use clap::ValueEnum;
use serde::Serialize;
use sessionmill_verification::review::Standing;
use std::fmt::Write as _;

/// Write the items with their evidence as JSON Lines or Markdown
///
/// Rejected items are left out unless --status asks for them. Quotes of what people wrote are left out unless --quotes
/// is given, because other people read an export than the transcripts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,

    /// Format of the export
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    format: ExportFormat,

    /// Include quotes of what people wrote
    #[arg(long)]
    quotes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExportFormat {
    /// An item per line
    Jsonl,
    /// A page with a section per domain
    Markdown,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    item: Item,
    #[serde(rename = "sources")]
    pieces: Vec<Piece>,
}

pub(super) fn export(args: &Args, context: &Context) -> Result<Status> {
    let all = |reader: Reader<'_>, identities: &Identities| knowledge::evidence(reader, None, identities);
    let (mut items, mut evidence) = args.which.items(context, all)?;
    items.sort_by(|a, b| a.domain.cmp(&b.domain));
    if args.which.status.is_none() {
        items.retain(|item| item.status != Standing::Rejected.name());
    }
    let line = |item: Item| {
        let pieces = evidence.remove(&item.item_id).unwrap_or_default();
        let shown = |piece: Piece| Piece { quote: piece.quote.filter(|_| args.quotes), ..piece };
        Line { item, pieces: pieces.into_iter().map(shown).collect() }
    };
    let lines: Vec<_> = items.into_iter().map(line).collect();
    print(&match args.format {
        ExportFormat::Jsonl => {
            lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n").collect()
        }
        ExportFormat::Markdown => markdown(&lines),
    })
}

fn markdown(lines: &[Line]) -> String {
    let mut page = "# Knowledge\n".to_owned();
    for of_domain in lines.chunk_by(|a, b| a.item.domain == b.item.domain) {
        let _ = writeln!(page, "\n## {}", of_domain[0].item.domain);
        for Line { item, pieces } in of_domain {
            let _ = writeln!(page, "\n### {}\n\n{}\n", escaped(&item.title), escaped(&item.content));
            let _ = writeln!(page, "- `{}`, {}", item.item_id, escaped(&status(item)));
            let _ = writeln!(page, "- confidence {:.2}: {}", item.confidence, grounds(item));
            for Piece { user, session, line, quote, .. } in pieces {
                let _ = writeln!(page, "- {}, {}:{line}", escaped(user), escaped(session));
                if let Some(quote) = quote {
                    let _ = writeln!(page, "  > {}", escaped(quote));
                }
            }
        }
    }
    page
}

/// Escapes a text for Markdown, on a single line.
fn escaped(text: &str) -> String {
    let text = printable(&text.replace(['\n', '\r', '\t'], " "));
    let text = text.trim();
    // At the beginning of a line, these characters begin a list or a horizontal rule.
    let number = text.find(|c: char| !c.is_ascii_digit()).unwrap_or_default();
    let is_mark = |at: usize, c: char| match c {
        '-' | '+' => at == 0,
        '.' | ')' => at == number && at > 0,
        _ => matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&'),
    };
    let mut escaped = String::new();
    for (at, c) in text.char_indices() {
        if is_mark(at, c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_begins_a_list_or_a_rule() {
        for (text, shown) in [
            ("- a - b", r"\- a - b"),
            ("+ 1", r"\+ 1"),
            ("---", r"\---"),
            ("> a", r"\> a"),
            ("1. a. b", r"1\. a. b"),
            ("12) a", r"12\) a"),
            ("    a.b\n\tc", "a.b  c"),
            ("# *a*", r"\# \*a\*"),
            ("a - b, 1. c", "a - b, 1. c"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }
}
