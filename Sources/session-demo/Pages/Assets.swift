#if Hummingbird
import Hummingbird

/// Serves the stylesheet and the icon; neither knows of sessions.
func addAssets(to router: Router<DemoRequestContext>) {
    for (path, type, text) in [
        ("style.css", "text/css; charset=utf-8", stylesheet),
        ("icon.svg", "image/svg+xml", icon),
    ] {
        let headers: HTTPFields = [
            .contentType: type,
            .cacheControl: "public, max-age=300",
            .xContentTypeOptions: "nosniff",
        ]
        let body = ByteBuffer(string: text)
        router.get(RouterPath(path)) { _, _ in
            Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
        }
    }
}

private let icon = """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f766e"/>\
    <path d="M8 12h16l-1.6 12.2a2 2 0 0 1-2 1.8h-8.8a2 2 0 0 1-2-1.8z" fill="#fff"/>\
    <path d="M12 12V10a4 4 0 0 1 8 0v2" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/></svg>
    """

private let stylesheet = """
    :root {
        color-scheme: light dark;
        --ground: #f6f5f1; --card: #ffffff; --text: #1c2321; --soft: #5b6662; --line: #e0dfd8;
        --accent: #0f766e; --on-accent: #ffffff; --tint: #e3f2ef; --danger: #b42318;
        --shadow: 0 1px 2px #1c23210d, 0 4px 16px #1c23210a;
    }
    @media (prefers-color-scheme: dark) {
        :root {
            --ground: #111615; --card: #1a2120; --text: #e8ecea; --soft: #9daaa5; --line: #2d3735;
            --accent: #4fd1bd; --on-accent: #06231f; --tint: #17332f; --danger: #ff8a7a; --shadow: none;
        }
    }
    * { box-sizing: border-box; }
    body {
        margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column;
        background: var(--ground); color: var(--text);
        font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
        overflow-wrap: anywhere;
    }
    .wide { width: 100%; max-width: 62rem; margin-inline: auto; padding-inline: 1.25rem; }
    .skip { position: absolute; left: -999rem; }
    .skip:focus {
        left: 1rem; top: .75rem; z-index: 1; background: var(--card); padding: .5rem 1rem; border-radius: .5rem;
    }
    a { color: var(--accent); text-underline-offset: .2em; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

    .bar { background: var(--card); border-bottom: 1px solid var(--line); }
    .bar > div {
        display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .25rem 1rem;
        padding-block: .75rem;
    }
    .brand {
        display: flex; align-items: center; gap: .625rem; font-weight: 650; color: inherit; text-decoration: none;
    }
    nav { display: flex; align-items: center; gap: 1rem; margin-left: auto; }
    nav a { display: inline-flex; align-items: center; min-height: 2.75rem; font-weight: 550; text-decoration: none; }
    nav a:hover { text-decoration: underline; }

    @media (max-width: 30rem) {
        .wide { padding-inline: 1rem; }
        .bar > div { column-gap: .5rem; }
        nav { gap: .75rem; }
        nav button { padding-inline: .75rem; }
    }

    main { flex: 1; padding-block: 2rem 3rem; }
    h1 {
        margin: 0 0 1.25rem; font-size: clamp(1.6rem, 1.3rem + 1.4vw, 2.2rem); line-height: 1.2;
        letter-spacing: -.015em;
    }
    h2 { margin: 0 0 .75rem; font-size: 1.125rem; line-height: 1.35; }
    p { margin: 0 0 .75rem; }
    .lead, .hint, .empty, footer { color: var(--soft); }
    .lead { margin-bottom: 1.5rem; }
    .hint { font-size: .875rem; margin-bottom: 0; }
    .notice {
        padding: .75rem 1rem; margin-bottom: 1.5rem; background: var(--tint); border-left: 4px solid var(--accent);
        border-radius: .5rem;
    }
    .columns { display: grid; gap: 1.25rem; align-items: start; }
    @media (min-width: 48rem) { .columns { grid-template-columns: 1.2fr 1fr; } }
    .card {
        background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: 1.5rem;
        box-shadow: var(--shadow);
    }
    .card > :last-child { margin-bottom: 0; }
    .narrow { max-width: 26rem; margin-inline: auto; }

    ul { list-style: none; margin: 0; padding: 0; }
    .rows { margin-bottom: 1.25rem; }
    .rows li {
        display: flex; align-items: center; gap: .75rem; padding-block: .375rem;
        border-bottom: 1px solid var(--line);
    }
    .rows .name { flex: 1; font-weight: 550; }
    .rows .count { color: var(--soft); white-space: nowrap; }
    dl { margin: 0 0 1rem; }
    dl div {
        display: flex; justify-content: space-between; gap: 1rem; padding-block: .5rem;
        border-bottom: 1px solid var(--line);
    }
    dt { color: var(--soft); }
    dd { margin: 0; text-align: right; font-weight: 550; }
    code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }

    label { display: block; margin-bottom: .375rem; font-weight: 550; }
    input {
        width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
        background: var(--ground); border: 1px solid var(--soft); border-radius: .625rem;
    }
    input::placeholder { color: var(--soft); opacity: .7; }
    button {
        min-height: 2.75rem; padding: .5rem 1.125rem; font: inherit; font-weight: 600;
        cursor: pointer; white-space: nowrap;
        color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .625rem;
    }
    button:hover { filter: brightness(1.08); }
    .quiet { color: var(--text); background: transparent; border-color: var(--line); font-weight: 500; }
    .quiet:hover { border-color: var(--soft); filter: none; }
    .danger { color: var(--danger); background: transparent; border-color: currentColor; }
    .add > div { display: flex; gap: .5rem; }
    .stack button { width: 100%; margin-block: 1rem .75rem; }
    .error { color: var(--danger); margin: .5rem 0 0; }

    .devices { display: grid; gap: .75rem; margin-bottom: 1.5rem; }
    .devices li {
        display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem;
        padding: 1.125rem 1.5rem;
    }
    .devices li > div { flex: 1 1 16rem; }
    .devices h2 { margin-bottom: .25rem; }
    [data-current] { border-color: var(--accent); }
    .badge {
        display: inline-block; padding: .1rem .625rem; font-size: .8125rem; font-weight: 600; color: var(--accent);
        background: var(--tint); border-radius: 1rem; white-space: nowrap;
    }

    footer { padding-block: 1.25rem; font-size: .875rem; }
    footer p { margin: 0; }
    """
#endif
