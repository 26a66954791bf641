namespace Lockstep.Coordination;

/// <summary>
/// The lease table of one job as Lua that Redis, Valkey and Garnet run alike. One hash: g, s, a (the cursor), n (slots) and one field a slot,
/// "state,contested,granted,live,since,deadline,owner" with state f(ree), l(eased), c(ompleted) or p(ushed), and the owner who has it or, where it is free, avoids it; a slot without a field is free and was never leased in this attempt.
/// A second hash counts over the whole job, and holds the usual time of a slot of a step and of an evaluation. Times are in milliseconds.
/// </summary>
/// <param name="clock">A Lua expression for the seconds and microseconds since the Unix epoch.</param>
internal sealed class LeaseScripts(string clock)
{
    /// <summary>The server's clock, so that those of the workers need not agree.</summary>
    public static readonly LeaseScripts ServerClock = new("redis.call('TIME')");

    /// <summary>After the clock. KEYS: table, counters. ARGV: generation, step, attempt, worker, then what the operation takes.</summary>
    private const string Common = """
        local key, counters = KEYS[1], KEYS[2]
        local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
        local g, s, a, worker = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
        local at = redis.call('HMGET', key, 'g', 's', 'a', 'n')
        local slots = tonumber(at[4] or 0)
        -- -1: the table is before the cursor or gone, 0: at it, 1: past it
        local function compare()
          if not at[1] then return -1 end
          local mine, theirs = {g, s, a}, {tonumber(at[1]), tonumber(at[2]), tonumber(at[3])}
          for i = 1, 3 do
            if theirs[i] < mine[i] then return -1 end
            if theirs[i] > mine[i] then return 1 end
          end
          return 0
        end
        local function read(i)
          local text = redis.call('HGET', key, 'x' .. i)
          if not text then return {state = 'f', contested = 0, granted = 0, live = 0, since = 0, deadline = 0, owner = ''} end
          local st, co, gr, li, si, de, ow = string.match(text, '^(%a),(%d+),(%d+),(%d+),(%d+),(%d+),(.*)$')
          return {state = st, contested = tonumber(co), granted = tonumber(gr), live = tonumber(li), since = tonumber(si), deadline = tonumber(de), owner = ow}
        end
        local function write(i, e)
          redis.call('HSET', key, 'x' .. i, string.format('%s,%.0f,%.0f,%.0f,%.0f,%.0f,%s', e.state, e.contested, e.granted, e.live, e.since, e.deadline, e.owner))
        end
        local function free(i, e, avoided)
          e.state, e.contested, e.live = 'f', 1, 0
          if not avoided then e.owner = '' end
          write(i, e)
        end
        local function expire(i, e)
          if (e.state == 'l' or e.state == 'c') and e.deadline <= now then
            free(i, e)
            redis.call('HINCRBY', counters, 'expired', 1)
          end
        end
        local function grant(i, e, duration)
          if e.granted > 0 then e.contested = 1 end
          e.granted, e.live = e.granted + 1, e.live + 1
          e.state, e.owner, e.since, e.deadline = 'l', worker, now, now + duration
          write(i, e)
          redis.call('HINCRBY', counters, 'granted', 1)
          return {i, e.contested}
        end
        local function lease(duration)
          local last, avoided
          for i = 0, slots - 1 do
            local e = read(i)
            expire(i, e)
            if e.state == 'f' and e.owner ~= worker then return grant(i, e, duration) end
            if e.state == 'f' and not last then last, avoided = i, e end
          end
          if last then return grant(last, avoided, duration) end
          return {-1, 0}
        end
        local usual = a == -1 and 'usualEvaluation' or 'usual'
        local function moveTo(n)
          redis.call('DEL', key)
          redis.call('HSET', key, 'g', ARGV[1], 's', ARGV[2], 'a', ARGV[3], 'n', n)
          redis.call('EXPIRE', key, 604800)
          redis.call('EXPIRE', counters, 604800)
          slots = tonumber(n)
        end

        """;

    /// <summary>ARGV: slots, duration. Gives slot (−1: none) and contested.</summary>
    public string Advance { get; } = With(clock, """
        local order = compare()
        if order > 0 then return {-1, 0} end
        if order < 0 then moveTo(ARGV[5]) end
        return lease(tonumber(ARGV[6]))
        """);

    /// <summary>ARGV: slot, 1 to lease the next, duration. Gives may join, stale, slot (−1: none), contested.</summary>
    public string Complete { get; } = With(clock, """
        local order = compare()
        if order > 0 then return {0, 1, -1, 0} end
        local slot, join = tonumber(ARGV[5]), 0
        if order == 0 and slot < slots then
          local e = read(slot)
          if e.state == 'l' and e.owner == worker then
            if e.contested == 0 then join = 1 end
            local before, mean = redis.call('HGET', counters, usual), now - e.since
            if before then mean = tonumber(before) + 0.2 * (mean - tonumber(before)) end
            redis.call('HSET', counters, usual, string.format('%.3f', math.floor(mean * 1000 + 0.5) / 1000))
            e.state, e.since = 'c', now
            write(slot, e)
          end
        end
        if order < 0 or ARGV[6] ~= '1' then return {join, 0, -1, 0} end
        local next = lease(tonumber(ARGV[7]))
        return {join, 0, next[1], next[2]}
        """);

    /// <summary>ARGV: slots, one each.</summary>
    public string Pushed { get; } = With(clock, """
        if compare() ~= 0 then return 0 end
        for j = 5, #ARGV do
          local i = tonumber(ARGV[j])
          if i < slots then
            local e = read(i)
            e.state = 'p'
            write(i, e)
          end
        end
        return 1
        """);

    /// <summary>ARGV: slots, one each.</summary>
    public string Release { get; } = With(clock, """
        if compare() ~= 0 then return 0 end
        for j = 5, #ARGV do
          local i = tonumber(ARGV[j])
          if i < slots then free(i, read(i), true) end
        end
        return 1
        """);

    /// <summary>ARGV: slots, most leases at once, duration, then the missing slots. Gives slot (−1: none) and contested.</summary>
    public string TakeOver { get; } = With(clock, """
        local order = compare()
        if order > 0 then return {-1, 0} end
        if order < 0 then moveTo(ARGV[5]) end
        local mean = redis.call('HGET', counters, usual)
        for j = 8, #ARGV do
          local i = tonumber(ARGV[j])
          if i < slots then
            local e = read(i)
            expire(i, e)
            local held = e.state == 'l' or e.state == 'c'
            -- One that counts as pushed was lost with its shard, one of the asking worker, which is idle, on the way to it.
            local lost = e.state == 'p' or (held and e.owner == worker)
            local overdue = held and mean and now - e.since > 1.5 * tonumber(mean) and e.live < tonumber(ARGV[6])
            if e.state == 'f' or lost or overdue then
              if held and not lost then redis.call('HINCRBY', counters, 'speculative', 1) end
              if e.state ~= 'f' then e.contested = 1 end
              return grant(i, e, tonumber(ARGV[7]))
            end
          end
        end
        return {-1, 0}
        """);

    /// <summary>Gives generation, step, attempt and slot of what the worker is computing; nothing where it is between slots.</summary>
    public string InHand { get; } = With(clock, """
        for i = 0, slots - 1 do
          local e = read(i)
          if e.owner == worker and e.state == 'l' then return {tonumber(at[1]), tonumber(at[2]), tonumber(at[3]), i} end
        end
        return {}
        """);

    /// <summary>ARGV: 1 where the worker avoids them. Gives the number of slots that were freed.</summary>
    public string FreeWorker { get; } = With(clock, """
        local freed = 0
        for i = 0, slots - 1 do
          local e = read(i)
          if e.owner == worker and (e.state == 'l' or e.state == 'c') then
            free(i, e, ARGV[5] == '1')
            freed = freed + 1
          end
        end
        return freed
        """);

    private static string With(string clock, string operation) => "local clock = " + clock + "\n" + Common + operation;
}
