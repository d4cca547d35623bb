//! Route templates as ASP.NET Core matches them: any case, a trailing slash allowed, the most specific first.

/// A template such as `identities/{id}/tokens`.
#[derive(Clone, Debug)]
pub struct Route(Vec<Segment>);

#[derive(Clone, Debug)]
enum Segment {
    Literal(String),
    Parameter { name: String, constraint: Option<Constraint>, optional: bool },
    CatchAll { name: String },
}

#[derive(Clone, Copy, Debug)]
enum Constraint {
    Int,
    Long,
    Bool,
    Guid,
    Alpha,
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "int" => Self::Int,
            "long" => Self::Long,
            "bool" => Self::Bool,
            "guid" => Self::Guid,
            "alpha" => Self::Alpha,
            _ => return Err(format!("the stand-in does not know the route constraint '{text}'")),
        })
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Guid => uuid::Uuid::try_parse(value).is_ok(),
            Self::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
        }
    }
}

impl Route {
    /// Parses `route` below `prefix`.
    ///
    /// # Errors
    /// For a template the stand-in cannot match: mixed segments, defaults, other constraints.
    pub fn parse(prefix: &str, route: &str) -> Result<Self, String> {
        let path = format!("{prefix}/{route}");
        path.split('/').filter(|part| !part.is_empty()).map(segment).collect::<Result<_, _>>().map(Self)
    }

    /// The parameters of `path` when it matches; `path` starts with a slash and is decoded.
    pub fn matches(&self, path: &str) -> Option<Vec<(String, String)>> {
        let path = path.strip_prefix('/')?;
        let mut parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        if parts == [""] {
            parts.clear();
        }
        let mut found = Vec::new();
        let mut rest = parts.as_slice();
        for segment in &self.0 {
            match (segment, rest.split_first()) {
                (Segment::Literal(literal), Some((part, tail))) if literal.eq_ignore_ascii_case(part) => rest = tail,
                (Segment::Parameter { name, constraint, .. }, Some((part, tail))) if !part.is_empty() => {
                    if constraint.is_some_and(|constraint| !constraint.accepts(part)) {
                        return None;
                    }
                    found.push((name.clone(), (*part).to_owned()));
                    rest = tail;
                }
                (Segment::Parameter { optional: true, .. }, None) => {}
                (Segment::CatchAll { name }, _) => {
                    found.push((name.clone(), rest.join("/")));
                    rest = &[];
                }
                _ => return None,
            }
        }
        rest.is_empty().then_some(found)
    }

    /// Sorts specific routes before general ones, segment by segment.
    pub fn precedence(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 1,
            Segment::Parameter { constraint: Some(_), .. } => 2,
            Segment::Parameter { .. } => 3,
            Segment::CatchAll { .. } => 5,
        };
        self.0.iter().map(rank).collect()
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) else {
        return if text.contains(['{', '}']) {
            Err(format!("the stand-in does not know route segments such as '{text}'"))
        } else {
            Ok(Segment::Literal(text.to_owned()))
        };
    };
    if let Some(name) = inner.strip_prefix('*') {
        return Ok(Segment::CatchAll { name: name.trim_start_matches('*').to_owned() });
    }
    let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
    let (name, constraint) = inner.split_once(':').map_or((inner, None), |(name, text)| (name, Some(text)));
    let constraint = constraint.map(Constraint::parse).transpose()?;
    Ok(Segment::Parameter { name: name.to_owned(), constraint, optional })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(route: &str, path: &str) -> Option<Vec<(String, String)>> {
        Route::parse("api", route).unwrap().matches(path)
    }

    #[test]
    fn case_and_a_trailing_slash_do_not_matter_and_a_doubled_slash_does() {
        let id = |value: &str| Some(vec![("id".to_owned(), value.to_owned())]);
        assert_eq!(parameters("identities/{id}/tokens", "/api/identities/8:acs:A/tokens"), id("8:acs:A"));
        assert_eq!(parameters("identities/{id}/tokens", "/API/Identities/A/TOKENS/"), id("A"));
        assert_eq!(parameters("identities/{id}/tokens", "/api/identities//tokens"), None);
        assert_eq!(parameters("identities/{id}/tokens", "/api//identities/A/tokens"), None);
        assert_eq!(parameters("identities/{id}/tokens", "/identities/A/tokens"), None);
    }

    #[test]
    fn parameters_may_be_optional_constrained_or_take_the_rest() {
        assert_eq!(parameters("a/{id?}", "/api/a"), Some(Vec::new()));
        assert_eq!(parameters("a/{id:int}", "/api/a/x"), None);
        assert!(parameters("a/{id:int}", "/api/a/7").is_some());
        assert_eq!(parameters("{*rest}", "/api/a/b/c"), Some(vec![("rest".into(), "a/b/c".into())]));
        assert!(parameters("{*rest}", "/api").is_some());
        assert!(Route::parse("", "a/{x}-{y}").is_err());
    }

    #[test]
    fn the_more_specific_route_comes_first() {
        let rank = |route| Route::parse("api", route).unwrap().precedence();
        assert!(rank("a/b") < rank("a/{id:int}"));
        assert!(rank("a/{id:int}") < rank("a/{id}"));
        assert!(rank("a/{id}") < rank("{*rest}"));
    }
}
