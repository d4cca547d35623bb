//! Route templates as ASP.NET Core matches them: case is ignored, a trailing slash is allowed, literals come first.

/// A template such as `identities/{id}/tokens`. `None` stands for a parameter.
#[derive(Clone, Debug)]
pub struct Route(Vec<Option<String>>);

impl Route {
    /// Parses `route` below `prefix`.
    pub fn parse(prefix: &str, route: &str) -> Self {
        let segments = prefix.split('/').chain(route.split('/')).filter(|segment| !segment.is_empty());
        Self(segments.map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned())).collect())
    }

    /// Returns whether a decoded path matches. An empty segment matches nothing.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let fits = |(pattern, segment): (&Option<String>, &&str)| match pattern {
            Some(literal) => literal.eq_ignore_ascii_case(segment),
            None => !segment.is_empty(),
        };
        segments.len() == self.0.len() && self.0.iter().zip(&segments).all(fits)
    }

    /// Returns a key that sorts literals before parameters, segment by segment.
    pub fn precedence(&self) -> Vec<bool> {
        self.0.iter().map(Option::is_none).collect()
    }
}
