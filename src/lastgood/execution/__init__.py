"""Plans become deeds: walk.py goes along a plan, dispatch.py does one step, steps/ knows each kind."""
