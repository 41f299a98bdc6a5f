//! The `context` of a Segment call: the page, the campaign, the device.

use super::found::{Found, Key};
use super::scalar::Scalar;
use crate::dialect::json::{Fields, Object, skip};
use serde::de::MapAccess;

/// The values of a context, as properties.
#[derive(Debug, Default)]
pub(super) struct Context<'de>(pub(super) Found<'de>);

impl<'de> Fields<'de> for Context<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let found = &mut self.0;
        let key = match name {
            "userAgent" => Key::UserAgent,
            "ip" => Key::Ip,
            "timezone" => Key::Timezone,
            "sessionId" => Key::SessionId,
            "browser" => Key::Browser,
            "browser_version" => Key::BrowserVersion,
            "page" | "campaign" | "os" | "device" | "screen" | "location" => {
                let Object(group) = map.next_value::<Object<Group<'de>>>()?;
                group.unwrap_or_default().store(name, found);
                return Ok(());
            }
            _ => return skip(map),
        };
        found.set(key, map.next_value()?);
        Ok(())
    }
}

/// A group of a context, such as `page`.
#[derive(Debug, Default)]
struct Group<'de>(Vec<(Field, Scalar<'de>)>);

#[derive(Clone, Copy, Debug)]
enum Field {
    Url,
    Path,
    Referrer,
    Name,
    Source,
    Medium,
    Term,
    Content,
    Version,
    Kind,
    Width,
    Height,
    Country,
    Region,
    City,
}

impl<'de> Fields<'de> for Group<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let field = match name {
            "url" => Field::Url,
            "path" => Field::Path,
            "referrer" => Field::Referrer,
            "name" => Field::Name,
            "source" => Field::Source,
            "medium" => Field::Medium,
            "term" => Field::Term,
            "content" => Field::Content,
            "version" => Field::Version,
            "type" => Field::Kind,
            "width" => Field::Width,
            "height" => Field::Height,
            "country" => Field::Country,
            "region" => Field::Region,
            "city" => Field::City,
            _ => return skip(map),
        };
        self.0.push((field, map.next_value()?));
        Ok(())
    }
}

impl<'de> Group<'de> {
    /// Stores the fields of the group with this name.
    fn store(self, group: &str, found: &mut Found<'de>) {
        for (field, value) in self.0 {
            let key = match (group, field) {
                ("page", Field::Url) => Key::PlainUrl,
                ("page", Field::Path) => Key::PlainPath,
                ("page", Field::Referrer) => Key::PlainReferrer,
                ("campaign", Field::Name) => Key::UtmCampaign,
                ("campaign", Field::Source) => Key::UtmSource,
                ("campaign", Field::Medium) => Key::UtmMedium,
                ("campaign", Field::Term) => Key::UtmTerm,
                ("campaign", Field::Content) => Key::UtmContent,
                ("os", Field::Name) => Key::Os,
                ("os", Field::Version) => Key::OsVersion,
                ("device", Field::Kind) => Key::DeviceType,
                ("screen", Field::Width) => Key::ScreenWidth,
                ("screen", Field::Height) => Key::ScreenHeight,
                ("location", Field::Country) => Key::Country,
                ("location", Field::Region) => Key::Region,
                ("location", Field::City) => Key::City,
                _ => continue,
            };
            found.set(key, value);
        }
    }
}
