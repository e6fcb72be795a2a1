"""The image-dataset toolkit: verbs over folders of pictures.

How to write a toolkit verb
===========================

One module, one `VERB`, its word in `verbs.VERBS` (all words of issue 5 are there already)::

    from curation.params import tunable
    from curation.toolkit import sidecar as sc
    from curation.toolkit.plan import Write
    from curation.toolkit.verbs import Beats, Context, FromToParams, Verb

    class MirrorParams(FromToParams):                 # gives --from and --to (from_dirs, to)
        \"\"\"How pictures are mirrored.\"\"\"
        quality: int = tunable(95, "quality of JPEG", ge=1, le=100, short="-q", basic=True)

    def run(ctx: Context, params: MirrorParams) -> Beats:
        pics = ctx.pictures(params.from_dirs)         # InputError when there is none
        to, plan = ctx.target(params.to), ctx.plan()
        names = ctx.workdir.names(to, [(pic.path.name, pic.path) for pic in pics])
        where = dict(zip(pics, names, strict=True))
        for pic, sidecar in ctx.sidecars(pics, plan): # a corrupt sidecar fails its item only
            size_wh = ...
            plan.add(Write(
                to / where[pic],
                make=partial(mirrored, pic.path),     # -> bytes or (bytes, sidecar), in a thread
                sidecar=sc.carry(sidecar, "flip", size_wh=size_wh, mirror_x=True),
                source=pic.path,                      # recorded as from_file: names stay stable
                fp=f"{params.digest()}:{pic.size_bytes}:{pic.mtime_ns}",  # same: not made again
                reason="mirrored",
            ))
        yield from ctx.carry_out(plan, pictures=len(pics))   # dry run, journal, undo, summary

    VERB = Verb("mirror", MirrorParams, run, "Mirror pictures.")

* Actions: `Copy`, `Move` (both bring the sidecar; `changes`/`remove` alter it), `Write`, `Edit`
  (a sidecar: `Edit(pic.path, {"metrics": {"blur": 3.1}}, remove=["metrics.phash"])`; metrics,
  classes and decisions are merged by name), `Remove` (only of what we made; an empty folder too).
* Never write, move or delete by yourself: what is in a plan can be told, undone and survives
  kill -9; what is not cannot. Nothing is imported or loaded at module level that is heavy.
* One bad item: `plan.fail(path, reason)` while planning, raise CurationError in `make`; the rest
  goes on, exit code 3 with --strict.
* Long work before the plan (measuring, embedding): yield `Progress(ctx.verb, i, n, "pictures")`;
  one that fails there: `plan.fail`. Heavy measuring in processes: engine.pool.
* A second run must do nothing: no times, no random numbers in sidecars; `fp` on costly writes.
* Fields: bool, int, float, str, Literal, `X | None`, `tuple[str, ...]` (comma list),
  `tuple[tuple[str, float], ...]` (repeated `--flag NAME VALUE`). `tunable(short="-t", key="from",
  required=True, positional=True)` for the command line; YAML keys are the flags with underscores.
* Common flags, in `ctx`: -d/--working-dir, -w/--workers, --dry-run, --json, --strict, --recursive.
* Where a person should see numbers: keyword arguments of `carry_out`/`ctx.ended`; they are printed,
  and are the keys of --json.
* New sidecar keys: add a line to `sidecar.TABLE` (what each transform does to it).
* Reading: `photos.decode.load_upright(path)` -> (h, w, 3) uint8 sRGB, EXIF orientation done, bombs
  refused. Of a moving GIF or WebP the first frame counts.
* In a test: `Context(WorkDir(tmp), Catalogue(tmp / ".curation"), "mirror")`, then
  `list(run(ctx, MirrorParams(...)))`; or `curation.cli.toolkit.main("mirror", ["-d", str(tmp)])`.
"""
