//! `pad`: a number, or `"same"`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Zeros around the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// (size − 1)/2 on each side: keeps height and width at stride 1 for odd sizes.
    #[default]
    Same,
    /// So many on each side.
    Zeros(usize),
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Same => serializer.serialize_str("same"),
            Self::Zeros(zeros) => serializer.serialize_u64(*zeros as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Padding;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"same\" or a number from 0 on")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Padding, E> {
                match text {
                    "same" => Ok(Padding::Same),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, zeros: u64) -> Result<Padding, E> {
                let number = de::Unexpected::Unsigned(zeros);
                let zeros = usize::try_from(zeros).map_err(|_| E::invalid_value(number, &self))?;
                Ok(Padding::Zeros(zeros))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Padding, E> {
                match u64::try_from(number) {
                    Ok(zeros) => self.visit_u64(zeros),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Padding {
    fn schema_name() -> Cow<'static, str> {
        "Padding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Zeros around the image: a number, or \"same\" for (size − 1)/2.",
            "oneOf": [{"const": "same"}, {"type": "integer", "minimum": 0}],
        })
    }
}
