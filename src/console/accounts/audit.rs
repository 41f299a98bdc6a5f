//! The audit log: who did what, and when. It contains no secrets and no content of transcripts.

use super::sql::{Cells, Kind, Value};
use super::user::User;
use super::{Accounts, Micros, StoreError};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

type Result<T> = std::result::Result<T, StoreError>;

/// An entry to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'e> {
    /// The user who acted; `None` if nobody was logged in.
    pub actor: Option<&'e str>,
    /// What happened, such as `login`.
    pub event: &'e str,
    /// What was acted on.
    pub object: Option<&'e str>,
    /// The owner of `object`, if its content was read. The owner can see the entry.
    pub owner: Option<&'e str>,
    pub detail: Option<&'e str>,
    pub ip_address: Option<&'e str>,
    /// The public id of the login session.
    pub session: Option<&'e str>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Written {
    pub id: i64,
    /// When, in RFC 3339.
    pub at: String,
    pub actor: Option<String>,
    pub event: String,
    pub object: Option<String>,
    pub owner: Option<String>,
    pub detail: Option<String>,
    pub ip_address: Option<String>,
    /// A mark that entries of the same login session share. It reveals nothing else about the session.
    pub session_mark: Option<String>,
}

const COLUMNS: &str = "id, at, actor, event, object, owner, detail, ip_address, session_mark";
const KINDS: [Kind; 9] = {
    use Kind::{Int, Text};
    [Int, Int, Text, Text, Text, Text, Text, Text, Text]
};

/// The most characters of a text in the log.
const LONGEST: usize = 1000;

impl Accounts {
    /// Writes an entry.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn log(&self, entry: Entry<'_>, now: Micros) -> Result<()> {
        let sql = self.ready(now).await?;
        let mark = entry.session.map(|id| self.mark(id));
        let [object, detail] = [entry.object, entry.detail].map(|text| text.map(clean));
        let actor = entry.actor.map(|actor| actor.chars().take(100).collect::<String>());
        let insert = "INSERT INTO audit_log (at, actor, event, object, owner, detail, ip_address, session_mark)
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let values: [Value<'_>; 8] = [
            now.into(),
            actor.as_deref().into(),
            entry.event.into(),
            object.as_deref().into(),
            entry.owner.into(),
            detail.as_deref().into(),
            entry.ip_address.into(),
            mark.as_deref().into(),
        ];
        sql.execute(insert, &values).await?;
        let Entry { event, .. } = entry;
        tracing::info!(event, actor, object, session = mark, "audit");
        Ok(())
    }

    /// The newest entries with ids below `before`, and the total number of entries. With `of`, only entries that this
    /// user made or owns are listed and counted, and none from before the user was added: these are of an earlier user
    /// of the same name.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn audit(
        &self,
        of: Option<&User>,
        before: Option<i64>,
        limit: u32,
        now: Micros,
    ) -> Result<(Vec<Written>, u64)> {
        let sql = self.ready(now).await?;
        let before = Value::from(before.unwrap_or(i64::MAX));
        let (shown, user) = match of {
            Some(User { name, created_at, .. }) => (
                "(actor = ? OR owner = ?) AND at >= ?",
                vec![Value::from(&**name), Value::from(&**name), Value::from(*created_at)],
            ),
            None => ("1 = 1", Vec::new()),
        };
        let count = format!("SELECT count(*) FROM audit_log WHERE {shown}");
        let total = sql.row(&count, &[Kind::Int], &user).await?.and_then(|mut row| row.int());
        let select = format!("SELECT {COLUMNS} FROM audit_log WHERE {shown} AND id < ? ORDER BY id DESC LIMIT {limit}");
        let rows = sql.rows(&select, &KINDS, &[&user[..], &[before]].concat()).await?;
        let total = total.and_then(|total| u64::try_from(total).ok()).unwrap_or_default();
        Ok((rows.into_iter().map(written).collect(), total))
    }

    /// Deletes entries that have been kept long enough, in batches. Returns their number.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. Batches deleted before that stay deleted.
    pub async fn clean_up_log(&self, now: Micros) -> Result<u64> {
        let sql = self.ready(now).await?;
        let last = now.saturating_sub(self.retention);
        // Ids ascend with time, so the old entries are the first ones: no index of the times is needed. The clocks of
        // machines differ a little, so an old entry after a young one waits until both are old. A time to come was
        // written by a clock that was wrong.
        let young = "SELECT id FROM audit_log WHERE at > ? AND at <= ? ORDER BY id LIMIT 1";
        let young = sql.row(young, &[Kind::Int], &[last.into(), now.into()]).await?.and_then(|mut row| row.int());
        let values = [young.unwrap_or(i64::MAX).into(), last.into()];
        sql.delete("audit_log", "id", "id < ? AND at <= ?", "id", &values).await
    }

    /// The mark of a login session: a salted hash of its public id.
    pub(crate) fn mark(&self, public_id: &str) -> String {
        let salt = self.salt.get().map(Vec::as_slice).unwrap_or_default();
        hex::encode(&Sha256::new().chain_update(salt).chain_update(public_id).finalize()[..8])
    }
}

/// The text on one line, shortened.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

fn written(mut cells: Cells) -> Written {
    let (id, at) = (cells.int().unwrap_or_default(), super::text(cells.int().unwrap_or_default()));
    let mut text = || cells.text();
    let (actor, event, object, owner, detail) = (text(), text().unwrap_or_default(), text(), text(), text());
    Written { id, at, actor, event, object, owner, detail, ip_address: text(), session_mark: text() }
}
