//! Prints the sentences of labelled prompts with their features, as JSON lines. `training/train.py` computes the
//! weights from this. The first line names all features.
//!
//! `cargo run -p sessionmill-verification --example features < PROMPTS.jsonl`

use serde_json::{Value, json};
use sessionmill_verification::rules;
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let all: Vec<_> = rules::features().map(|(name, kind)| [name, kind]).collect();
    writeln!(out, "{}", json!({ "all": all }))?;
    for (number, line) in std::io::stdin().lines().enumerate() {
        let record: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        let (prompt, reply) = (text("text"), text("before"));
        for seen in rules::seen(prompt, Some(reply).filter(|reply| !reply.is_empty())) {
            let words = prompt.get(seen.range).unwrap_or_default();
            writeln!(out, "{}", json!({ "prompt": number, "text": words, "features": seen.features }))?;
        }
    }
    Ok(())
}
