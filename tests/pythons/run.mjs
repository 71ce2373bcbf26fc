// node run.mjs PYTHON FOLDER PROGRAM ARGUMENT…: run a program of Python on the Python in node_modules/PYTHON.
// It sees the real FOLDER as /folder, and /folder/scripts is on its path.
const [name, folder, program, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(`./node_modules/${name}/pyodide.mjs`);
const python = await loadPyodide();
python.mountNodeFS("/folder", folder);
python.globals.set("arguments", python.toPy(["run", ...args]));
python.setStdout({ batched: (line) => console.log(line) });
python.runPython(`import sys\nsys.path.insert(0, "/folder/scripts")\nsys.argv = arguments\n${program}`);
