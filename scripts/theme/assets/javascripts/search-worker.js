// Finds notes: a plain scan of the whole text, no index to build. At a thousand notes a scan takes a few
// milliseconds, needs no word segmentation, and finds what stands in the middle of a word.
//
// A query is cut into runs of Han characters and runs of anything else. Each run is looked for as it is, then in
// simplified characters, then with one error, then in pieces. A hit counts by the field that it stands in and by
// how much of the field it covers; in bodies it counts as in BM25. Runs in a web worker, and in Node for the tests.

(() => {
  const HAN = "\u3400-\u9fff";
  const RUNS = new RegExp(`[${HAN}]+|[^\\s${HAN}]+`, "gu");
  const BLANK_AT_HAN = new RegExp(`(?<=[${HAN}])\\s+|\\s+(?=[${HAN}])`, "g");
  const HAN_MEETS_LATIN = new RegExp(`(?<=[${HAN}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[${HAN}])`, "g");
  const isHan = (text) => text >= "\u3400" && text < "\ua000";
  const isLatin = (char) => char !== undefined && /[\p{L}\p{N}_]/u.test(char) && !isHan(char);

  const PARTICLES = /^(?:[的和与是]|怎[么样]|如何|为什么|什么是)+|(?:[的和与]|是什么|为什么|怎么办)+$/g;
  const [NAME, TAG, SUMMARY, HEADING, BODY, KINDS] = [0, 1, 2, 3, 4, 5];
  const WEIGHT = [10, 3, 4, 4, 1.5]; // of each kind of field
  const MOST_SHOWN = 20;
  const LONGEST_QUERY = 60;

  // Enough for the words of the field; a vault in traditional characters is found as it is written.
  const TRADITIONAL =
    "機构網络學习練训數据與与損损權权層层經经積积捲卷殘残連连線线歸归迴回類类標标圖图檢检測测語语義义長长記记憶忆門门單单雙双編编碼码變变換换預预處处並并計计優优過过擬拟參参設设衝冲動动態态複复雜杂" +
    "維维陣阵導导傳传遞递擴扩際际實实現现調调節节詞词頭头遷迁樣样風风險险統统構构絡络習习訓训據据準准確确誤误輸输寬宽啟启離离隨随項项從从間间場场採采點点總总課课筆笔體体佈布應应對对無无監监強强關关" +
    "鍵键廣广異异驗验證证結结軟软減减棄弃錨锚邊边後后顯显見见讀读寫写為为這这個个遠远聯联鏈链選选擇择產产幀帧幾几題题號号勢势陳陈譯译話话聲声屬属壓压縮缩敗败勝胜簡简質质兩两邏逻輯辑滿满齊齐範范圍围";
  const SIMPLE = new Map(TRADITIONAL.match(/../g).map((pair) => [...pair]));
  const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");
  const simplified = (text) => [...text].map((char) => SIMPLE.get(char) ?? char).join("");

  const lower = (text) => text.replaceAll("İ", "i").toLowerCase(); // the only letter whose length changes
  const fold = (text) => lower(text.replace(BLANK_AT_HAN, ""));

  function foldQuery(query) {
    return query
      .slice(0, LONGEST_QUERY)
      .replace(/[\u3000-\u303f，。；：！？（）…“”‘’]/g, " ")
      .normalize("NFKC")
      .replace(/(?<=\d)[xX](?=\d)/g, "×")
      .replace(/(?<=\w) ?= ?(?=\w)/g, "=")
      .toLowerCase()
      .trim();
  }

  function runsOf(query) {
    const runs = (query.match(RUNS) ?? []).map((run) => run.replace(/^["',;]+|["',.;:!?]+$/g, ""));
    if (runs.join("").length > 5) runs.forEach((run, i) => (runs[i] = run.replace(PARTICLES, "") || run));
    const words = runs.filter((run) => /[\p{L}\p{N}]/u.test(run));
    return [...new Set((words.length ? words : runs).filter(Boolean))];
  }

  // Matches *pattern* at *at* with exactly one error, reading by *step*; returns the lengths that it may have read.
  function oneError(text, at, pattern, step) {
    const size = pattern.length;
    const want = (i) => pattern[step > 0 ? i : size - 1 - i];
    const have = (i) => text[at + step * i];
    const same = (i, j) => {
      for (; j < size; i++, j++) if (have(i) !== want(j)) return false;
      return true;
    };
    let k = 0;
    while (k < size && have(k) === want(k)) k++;
    if (k === size || have(k) === "\n" || have(k) === undefined) return [];
    const swapped = have(k) === want(k + 1) && have(k + 1) === want(k) && same(k + 2, k + 2);
    const lengths = swapped || same(k + 1, k + 1) ? [size] : [];
    if (same(k + 1, k)) lengths.push(size + 1);
    if (same(k, k + 1)) lengths.push(size - 1);
    return lengths;
  }

  // The longest part of *term*, two characters at least, that passes *test*; each part of what passes must pass.
  function stretch(term, test) {
    let best = "";
    for (let start = 0, size = 2; start + size <= term.length; start++) {
      for (; start + size <= term.length && test(term.slice(start, start + size)); size++) {
        best = term.slice(start, start + size);
      }
    }
    return best;
  }

  class SearchIndex {
    constructor(data) {
      this.notes = data.notes;
      this.names = new Set();
      const texts = [];
      const bodies = [];
      this.fields = []; // [note, kind, part]
      this.notes.forEach((note, n) => {
        const add = (kind, text, part = -1) => {
          if (!text) return;
          texts.push(fold(text));
          this.fields.push([n, kind, part]);
          if (kind === NAME) this.names.add(texts.at(-1));
        };
        add(NAME, note.title.replace(/^[\d.]+\s+(?=\S)/, ""));
        for (const alias of note.aliases ?? []) add(NAME, alias);
        for (const tag of note.tags ?? []) add(TAG, tag);
        add(SUMMARY, note.summary);
        (note.parts ?? []).forEach(([, heading, text], part) => {
          add(HEADING, heading, part);
          if (text) bodies.push([n, part, text]);
        });
      });
      const heads = texts.join("\n");
      this.headsEnd = heads.length;
      this.text = `${heads}\n${lower(bodies.map(([, , text]) => text).join("\n"))}\n`;
      this.lengths = new Float64Array(this.notes.length);
      for (const [n, part, text] of bodies) {
        this.fields.push([n, BODY, part]);
        this.lengths[n] += text.length;
        texts.push(text);
      }
      this.starts = [0];
      for (const { length } of texts) this.starts.push(this.starts.at(-1) + length + 1);
      this.meanLength = this.lengths.reduce((a, b) => a + b, 0) / (this.notes.length || 1) || 1;
    }

    // Every place of *pattern* before *end*: [start, length].
    *places(pattern, end = this.text.length) {
      for (let at = this.text.indexOf(pattern); at >= 0 && at < end; at = this.text.indexOf(pattern, at + 1)) {
        yield [at, pattern.length];
      }
    }

    // Places with one error: one half of the pattern is whole, unless the error swaps the middle.
    *nearPlaces(pattern, end) {
      const half = pattern.length >> 1;
      const [head, tail] = [pattern.slice(0, half), pattern.slice(half)];
      for (const [at] of this.places(head, end)) {
        for (const length of oneError(this.text, at + half, tail, 1)) yield [at, half + length];
      }
      for (const [at] of this.places(tail, end)) {
        for (const length of oneError(this.text, at - 1, head, -1)) yield [at - length, length + tail.length];
      }
      yield* this.places(head.slice(0, -1) + tail[0] + head.at(-1) + tail.slice(1), end);
    }

    // What *places* come to: for each note a value by kind, for each part the number of hits.
    collect(term, places, { near = false } = {}) {
      const values = new Float64Array(this.notes.length * KINDS);
      const parts = new Map();
      const found = new Set();
      const latin = !isHan(term[0]);
      let field = 0, last = -1;
      for (const [at, length] of places) {
        if (at < last) field = 0;
        last = at;
        while (this.starts[field + 1] <= at) field++;
        const [note, kind, part] = this.fields[field];
        const size = this.starts[field + 1] - this.starts[field] - 1;
        if (near && term.length < 4 && (kind !== NAME || size > length + 1)) continue; // 的区别 is not 的类别
        let quality = near ? (letters(this.text.slice(at, at + length)) === letters(term) ? 0.9 : 0.5) : 1;
        if (latin && isLatin(term[0]) && isLatin(this.text[at - 1])) {
          if (near || term.length <= (kind === BODY ? 3 : 2)) continue;
          quality *= 0.4;
        } else if (latin && isLatin(this.text[at + length])) {
          quality *= 0.8;
        }
        const slot = note * KINDS + kind;
        if (kind === BODY) {
          values[slot] += quality;
          parts.set(field, (parts.get(field) ?? 0) + quality);
        } else {
          const starts = at === this.starts[field] ? 0.25 : 0;
          const cover = length === size ? 2 : 0.5 + 0.4 * (length / size) + starts;
          values[slot] = Math.max(values[slot], WEIGHT[kind] * quality * cover);
          if (kind === HEADING) parts.set(field, 3 * quality);
        }
        if (found.size < 12) found.add(this.text.slice(at, at + length));
      }
      const scores = new Float64Array(this.notes.length);
      let count = 0;
      for (let n = 0; n < scores.length; n++) {
        const tf = values[n * KINDS + BODY];
        const norm = 1.2 * (0.75 + 0.25 * Math.min(4, this.lengths[n] / this.meanLength));
        let score = (WEIGHT[BODY] * tf * 2.2) / (tf + norm);
        for (let kind = 0; kind < BODY; kind++) score += values[n * KINDS + kind];
        scores[n] = score;
        if (score) count++;
      }
      return { term, values, scores, parts, found, count, rarity: Math.log(1 + this.notes.length / (count + 0.5)) };
    }

    // The hits of one run of the query: as it is, simplified, with one error, or in pieces.
    find(run) {
      const term = simplified(run);
      for (const text of new Set([run, term])) {
        const hits = this.collect(text, this.places(text));
        if (hits.count) return [hits];
      }
      const han = isHan(term[0]);
      if (term.length >= (han ? 3 : 4)) {
        const end = term.length >= (han ? 4 : 5) ? this.text.length : this.headsEnd;
        const hits = this.collect(term, this.nearPlaces(term, end), { near: true });
        if (hits.count) return [hits];
      }
      const pieces = han ? this.pieces(term) : term.match(/\p{L}+|\p{N}+/gu) ?? []; // VGG16
      const hits = pieces.map((piece) => this.collect(piece, this.places(piece))).filter(({ count }) => count);
      return hits.length ? hits : [this.collect(term, [])];
    }

    // *term* cut where it must be: first out is the longest name in it, then what a title or heading has.
    pieces(term) {
      const names = [...this.names].filter((name) => name.length > 1 && term.includes(name));
      const within = (end) => (piece) => !this.places(piece, end).next().done;
      const known = () => stretch(term, within(this.headsEnd)) || stretch(term, within(this.text.length));
      const piece = names.sort((a, b) => b.length - a.length)[0] ?? known();
      if (!piece) return [];
      const at = term.indexOf(piece);
      return [...this.pieces(term.slice(0, at)), piece, ...this.pieces(term.slice(at + piece.length))];
    }

    search(text) {
      const query = foldQuery(text);
      const runs = runsOf(query);
      if (!runs.length || !this.notes.length) return { total: 0, results: [] };
      const terms = runs.flatMap((run) => this.find(run));
      const phrase = query.replace(BLANK_AT_HAN, "");
      const whole = terms.length > 1 ? this.collect(phrase, this.places(simplified(phrase))) : null;
      const wanted = terms.reduce((sum, hits) => sum + hits.rarity, 0);
      const ranked = [];
      this.notes.forEach((note, n) => {
        let score = 0, got = 0;
        for (const hits of terms) {
          score += hits.rarity * hits.scores[n];
          if (hits.scores[n]) got += hits.rarity;
        }
        if (!got) return;
        if (whole) score += 0.5 * whole.rarity * whole.scores[n];
        score *= (got / wanted) ** 2;
        if (note.draft) score *= 0.8;
        // It names every note: it comes after the note that is meant, unless it is meant itself.
        if (note.home && fold(note.title) !== phrase) score *= 0.001;
        ranked.push({ n, score });
      });
      ranked.sort((a, b) => b.score - a.score || a.n - b.n);
      const marks = markPattern([...(whole?.count ? [whole] : []), ...terms].flatMap((hits) => [...hits.found]));
      return {
        total: ranked.length,
        results: ranked.slice(0, MOST_SHOWN).map(({ n, score }) => ({ ...this.result(n, terms, marks), score })),
      };
    }

    result(n, terms, marks) {
      const note = this.notes[n];
      const byPart = new Map();
      for (const { parts, rarity } of terms) {
        for (const [field, count] of parts) {
          const [owner, , part] = this.fields[field];
          if (owner === n) byPart.set(part, (byPart.get(part) ?? 0) + rarity * (1 + Math.log(1 + count)));
        }
      }
      const best = [...byPart].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([part]) => part);
      const more = best.filter((part) => note.parts[part][0]);
      const has = (kind) => terms.some((hits) => hits.values[n * KINDS + kind]);
      const shown = { title: marked(note.title, marks), draft: !!note.draft };
      const section = (part) => {
        const [slug, heading, text] = note.parts[part];
        return {
          url: note.url + (slug ? `#${encodeURIComponent(slug)}` : ""),
          heading: marked(heading, marks),
          text: marked(sentence(text, marks), marks),
        };
      };
      if (!best.length || has(NAME) || has(SUMMARY) || has(TAG)) {
        const isNew = (name) => name.match(marks) && !fold(note.title).includes(fold(name));
        const aliases = (note.aliases ?? []).filter(isNew).slice(0, 3).join("、");
        const tags = (note.tags ?? []).filter((tag) => tag.match(marks)).join("、");
        const { summary = "" } = note;
        const about = aliases ? `又名 ${aliases}` : tags && !summary.match(marks) ? `标签 ${tags}` : summary;
        const text = marked(sentence(about, marks, 120), marks);
        return { ...shown, url: note.url, heading: [], text, more: more.slice(0, 2).map(section) };
      }
      return { ...shown, ...section(best[0]), more: more.filter((part) => part !== best[0]).slice(0, 2).map(section) };
    }
  }

  function markPattern(texts) {
    const escaped = [...new Set(texts)].sort((a, b) => b.length - a.length).map((text) =>
      text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(HAN_MEETS_LATIN, " ?").replace(/ (?!\?)/g, "\\s+"));
    return new RegExp(escaped.join("|") || "(?!)", "gi");
  }

  // [text, isMarked] pairs.
  function marked(text, marks) {
    const pieces = [];
    let at = 0;
    for (const match of text.matchAll(marks)) {
      if (match.index > at) pieces.push([text.slice(at, match.index), false]);
      pieces.push([match[0], true]);
      at = match.index + match[0].length;
    }
    if (at < text.length) pieces.push([text.slice(at), false]);
    return pieces;
  }

  // The sentence that holds the most different matches, cut around them, with its blanks put back.
  function sentence(text, marks, most = 90) {
    let best = "", count = -1;
    for (const candidate of text.match(/[^。！？；\n]+[。！？；]?/g) ?? []) {
      const found = new Set((candidate.match(marks) ?? []).map((match) => match.toLowerCase())).size;
      if (found > count) [best, count] = [candidate.trim(), found];
    }
    const first = Math.max(0, best.search(marks));
    const start = best.length <= most ? 0 : Math.max(0, Math.min(first - 30, best.length - most));
    const spaced = best.slice(start, start + most).replace(HAN_MEETS_LATIN, " ");
    return `${start ? "…" : ""}${spaced}${start + most < best.length ? "…" : ""}`;
  }

  if (typeof importScripts === "undefined") {
    globalThis.SearchIndex = SearchIndex; // Node
    return;
  }

  let ready = null;

  self.onmessage = async ({ data: { id, url, query } }) => {
    try {
      ready ??= fetch(url).then(async (response) => new SearchIndex(await response.json()));
      const index = await ready;
      if (query !== undefined) self.postMessage({ id, query, ...index.search(query) });
      else self.postMessage({ id, loaded: true });
    } catch (error) {
      ready = null;
      self.postMessage({ id, error: error.message });
    }
  };
})();
