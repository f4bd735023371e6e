// chdb.js FILE [json]: ClickHouse (chDB) loads newline-delimited JSON into a MergeTree table, on one thread: into the
// columns that it infers, or with "json" into one column of its JSON type. Prints the seconds, then what became of
// late.json's late keys and conflicts, counted in its table.
const { Session } = require('chdb');

const cpuSeconds = ({ user, system }) => (user + system) / 1e6;
const seconds = () => process.env.CLOCK === 'cpu' ? cpuSeconds(process.cpuUsage()) : performance.now() / 1000;

function main(file, how)
{
	const db = new Session();
	const ask = (sql) => db.query(sql, 'TSV').trim().replace(/\n/g, ', ').replace(/\t/g, ' ');
	const run = (sql) => { db.query(sql); };
	const table = 'ENGINE = MergeTree ORDER BY tuple()';

	run('SET max_threads = 1, max_insert_threads = 1, max_parsing_threads = 1, input_format_parallel_parsing = 0, allow_experimental_json_type = 1');
	const from = seconds();
	if (how === 'json')
	{
		run(`CREATE TABLE e (j JSON) ${table}`);
		run(`INSERT INTO e SELECT json AS j FROM file('${file}', 'JSONAsObject')`);
	}
	else
		run(`CREATE TABLE e ${table} AS SELECT * FROM file('${file}', 'JSONEachRow')`);
	console.log((seconds() - from).toFixed(3));

	const has = (key) => how === 'json' || ask(`SELECT count() FROM system.columns WHERE table = 'e' AND name = '${key}'`) !== '0';
	const of = (key) => how === 'json' ? `j.${key}` : key;
	const filled = (key) => has(key) ? ask(`SELECT countIf(isNotNull(${of(key)})) FROM e`) : 'no column';
	const types = how === 'json' ? `dynamicType(${of('duration_ms')})` : `toTypeName(duration_ms)`;
	console.log(`${ask('SELECT count() FROM e')} rows; firmware: ${filled('firmware')}; battery_pct: ${filled('battery_pct')}; ` +
		`duration_ms became ${ask(`SELECT count(), ${types} FROM e GROUP BY 2 ORDER BY 1 DESC`)}`);
	db.close();
}

try { main(...process.argv.slice(2)); }
catch (error) { console.log(`failed\n${error.message.split('\n')[0]}`); process.exit(0); }
