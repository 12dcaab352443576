//! `batch_norm`: true, false, or `"conv"`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where batch normalisation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchNormWhere {
    /// `true`: after every conv and hidden layer.
    #[default]
    Everywhere,
    /// `"conv"`: after convolutions only.
    Conv,
    /// `false`.
    Nowhere,
}

impl Serialize for BatchNormWhere {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Everywhere => serializer.serialize_bool(true),
            Self::Conv => serializer.serialize_str("conv"),
            Self::Nowhere => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for BatchNormWhere {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = BatchNormWhere;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, false or \"conv\"")
            }

            fn visit_bool<E: de::Error>(self, everywhere: bool) -> Result<BatchNormWhere, E> {
                Ok(if everywhere {
                    BatchNormWhere::Everywhere
                } else {
                    BatchNormWhere::Nowhere
                })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<BatchNormWhere, E> {
                match text {
                    "conv" => Ok(BatchNormWhere::Conv),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for BatchNormWhere {
    fn schema_name() -> Cow<'static, str> {
        "BatchNormWhere".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "After every conv and hidden layer (true), after convolutions only (\"conv\"), or not at all.",
            "oneOf": [{"type": "boolean"}, {"const": "conv"}],
        })
    }
}
