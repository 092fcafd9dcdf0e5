//! What counts as a colour: what a page can hand to CSS without a thought.

/// `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`, a CSS name, `rgb()` or `hsl()`.
pub(super) fn is_colour(text: &str) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    if let Some(digits) = text.strip_prefix('#') {
        return matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let lower = text.to_ascii_lowercase();
    match lower.split_once('(') {
        Some(("rgb" | "rgba" | "hsl" | "hsla", rest)) => rest.strip_suffix(')').is_some_and(are_components),
        Some(_) => false,
        None => NAMES.binary_search(&lower.as_str()).is_ok(),
    }
}

/// Three or four numbers, with units, separated by commas, spaces or a slash.
fn are_components(text: &str) -> bool {
    let mut count = 0;
    for component in text.split([',', ' ', '/']).filter(|component| !component.is_empty()) {
        count += 1;
        let number = ["%", "deg", "grad", "rad", "turn"]
            .into_iter()
            .find_map(|unit| component.strip_suffix(unit))
            .unwrap_or(component);
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        if component != "none" && !(is_number && number.parse::<f64>().is_ok_and(f64::is_finite)) {
            return false;
        }
    }
    matches!(count, 3 | 4)
}

const LONGEST: usize = 64;

/// CSS Color 4's names, in order.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "aliceblue", "antiquewhite", "aqua", "aquamarine", "azure", "beige", "bisque", "black", "blanchedalmond", "blue",
    "blueviolet", "brown", "burlywood", "cadetblue", "chartreuse", "chocolate", "coral", "cornflowerblue", "cornsilk",
    "crimson", "cyan", "darkblue", "darkcyan", "darkgoldenrod", "darkgray", "darkgreen", "darkgrey", "darkkhaki",
    "darkmagenta", "darkolivegreen", "darkorange", "darkorchid", "darkred", "darksalmon", "darkseagreen",
    "darkslateblue", "darkslategray", "darkslategrey", "darkturquoise", "darkviolet", "deeppink", "deepskyblue",
    "dimgray", "dimgrey", "dodgerblue", "firebrick", "floralwhite", "forestgreen", "fuchsia", "gainsboro",
    "ghostwhite", "gold", "goldenrod", "gray", "green", "greenyellow", "grey", "honeydew", "hotpink", "indianred",
    "indigo", "ivory", "khaki", "lavender", "lavenderblush", "lawngreen", "lemonchiffon", "lightblue", "lightcoral",
    "lightcyan", "lightgoldenrodyellow", "lightgray", "lightgreen", "lightgrey", "lightpink", "lightsalmon",
    "lightseagreen", "lightskyblue", "lightslategray", "lightslategrey", "lightsteelblue", "lightyellow", "lime",
    "limegreen", "linen", "magenta", "maroon", "mediumaquamarine", "mediumblue", "mediumorchid", "mediumpurple",
    "mediumseagreen", "mediumslateblue", "mediumspringgreen", "mediumturquoise", "mediumvioletred", "midnightblue",
    "mintcream", "mistyrose", "moccasin", "navajowhite", "navy", "oldlace", "olive", "olivedrab", "orange",
    "orangered", "orchid", "palegoldenrod", "palegreen", "paleturquoise", "palevioletred", "papayawhip", "peachpuff",
    "peru", "pink", "plum", "powderblue", "purple", "rebeccapurple", "red", "rosybrown", "royalblue", "saddlebrown",
    "salmon", "sandybrown", "seagreen", "seashell", "sienna", "silver", "skyblue", "slateblue", "slategray",
    "slategrey", "snow", "springgreen", "steelblue", "tan", "teal", "thistle", "tomato", "transparent", "turquoise",
    "violet", "wheat", "white", "whitesmoke", "yellow", "yellowgreen",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_told_from_what_is_none() {
        for colour in [
            "#abc",
            "#ABCD",
            "#00ff00",
            "#00ff0080",
            "red",
            "RebeccaPurple",
            "transparent",
            "rgb(1, 2, 3)",
            "rgb(1 2 3 / 50%)",
            "rgba(1,2,3,.5)",
            "hsl(120deg, 100%, 50%)",
            "HSL(0.5turn 100% 50%)",
            "hsla(-90,1%,2%,1)",
        ] {
            assert!(is_colour(colour), "{colour}");
        }
        for other in [
            "",
            "#",
            "#ab",
            "#abcde",
            "#ggg",
            "blurple",
            "rgb()",
            "rgb(1,2)",
            "rgb(1,2,3,4,5)",
            "rgb(1,2,x)",
            "rgb(1,2,3",
            "url(x)",
            "var(--x)",
            "<b>red</b>",
            "red;",
            "rgb(1,2,inf)",
            &format!("#{}", "0".repeat(100_000)),
        ] {
            assert!(!is_colour(other), "{other:.40}");
        }
        assert!(NAMES.is_sorted());
    }
}
