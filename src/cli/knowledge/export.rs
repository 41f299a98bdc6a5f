//! Knowledge for other programs and for people.

use super::Which;
use super::show::{grounds, status};
use crate::cli::{Context, print};
use crate::error::{Result, Status};
use crate::identities::Identities;
use crate::printable::printable;
use crate::report::knowledge::{self, Item, Piece};
use crate::store::reading::Reading;
use clap::ValueEnum;
use serde::Serialize;
use sessionmill_verification::review::Standing;
use std::fmt::Write as _;

/// Write the items with their evidence as JSON Lines or Markdown
///
/// Rejected items are left out unless asked for with --status. What people wrote is left out unless
/// asked for with --quotes: an export is read by others than the transcripts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,

    /// How it is written
    #[arg(long, value_enum, default_value_t = Form::Jsonl)]
    format: Form,

    /// With what people wrote, letter by letter
    #[arg(long)]
    quotes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// An item per line
    Jsonl,
    /// A page with a chapter per domain
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
    let all =
        |reading: &Reading<'_>, identities: &Identities| knowledge::evidence(reading.connection, None, identities);
    let (mut items, mut evidence) = args.which.items(context, all)?;
    if args.which.status.is_none() {
        items.retain(|item| item.status != Standing::Rejected.name());
    }
    let line = |item: Item| {
        let pieces = evidence.remove(&(item.domain.clone(), item.item_id.clone())).unwrap_or_default();
        let shown = |piece: Piece| Piece { quote: piece.quote.filter(|_| args.quotes), ..piece };
        Line { item, pieces: pieces.into_iter().map(shown).collect() }
    };
    let lines: Vec<_> = items.into_iter().map(line).collect();
    print(&match args.format {
        Form::Jsonl => lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n").collect(),
        Form::Markdown => markdown(&lines),
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

/// Text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(&text.replace(['\n', '\r'], " ")).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
